// What the service's shell tells this page, in two meta tags: no inline script is allowed to.

export interface Settings {
  /** Path that every address of ours begins with, without a slash at its end. */
  prefix: string;
  username: string;
  /** Address of the hub itself, with a slash at its end. */
  hub: string;
  /** Whether each notebook server has an origin of its own, apart from these pages. */
  subdomains: boolean;
  /** Anti-forgery token; every call carries it. */
  xsrf: string;
}

function meta(name: string): string {
  return document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content ?? '';
}

/** Reads the shell's settings; a page without them is not one of the service's. */
export function readSettings(): Settings {
  const given = JSON.parse(meta('studyhall-settings') || '{}') as Partial<Settings>;
  return {
    prefix: given.prefix ?? '',
    username: given.username ?? '',
    hub: given.hub ?? '/hub/',
    // Without a word about it the notice is shown: the safe side.
    subdomains: given.subdomains ?? false,
    xsrf: meta('studyhall-xsrf')
  };
}

export const settings: Settings = readSettings();
