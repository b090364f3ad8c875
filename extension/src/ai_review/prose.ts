import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';

/** What a review is made of: text, lists, tables and code. */
const TAGS = [
  ...['a', 'b', 'blockquote', 'br', 'code', 'del', 'em', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'hr'],
  ...['i', 'li', 'ol', 'p', 'pre', 's', 'span', 'strong', 'sub', 'sup', 'ul'],
  ...['table', 'tbody', 'td', 'th', 'thead', 'tr']
];

/**
 * A sanitizer that leaves of a text from outside only what is there to be read: no form that asks for
 * something in our name, and no picture whose address tells somebody who looks at it.
 */
export function proseOnly(sanitizer: IRenderMime.ISanitizer): IRenderMime.ISanitizer {
  return {
    sanitize: (dirty, options) => sanitizer.sanitize(dirty, { ...options, allowedTags: TAGS }),
    getAutolink: () => sanitizer.getAutolink?.() ?? true,
    allowNamedProperties: false,
    allowCommandLinker: false
  };
}
