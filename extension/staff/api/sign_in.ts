// Whose sign-in the calls of this page go under: a pure part, so that it can be tested without a browser.

/**
 * The anti-forgery tokens that the browser holds now and that are not the one in use. Whoever signs in again, in
 * another tab too, gets another token, and the one that this page was loaded with opens nothing any more.
 */
export function newTokens(cookies: string, inUse: string): string[] {
  return cookies
    .split(';')
    .map(cookie => cookie.trim())
    .filter(cookie => cookie.startsWith('_xsrf='))
    .map(cookie => cookie.slice('_xsrf='.length))
    .filter(token => token !== '' && token !== inUse);
}
