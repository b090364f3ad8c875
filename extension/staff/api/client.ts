// All HTTP of the staff pages: the session cookie, the anti-forgery token, the envelope, and errors in words.

import { settings } from '../settings';

import { newTokens } from './sign_in';

/** Why a call did not work, in a sentence for people. */
export class Problem extends Error {
  constructor(
    message: string,
    readonly code: string,
    readonly status: number
  ) {
    super(message);
  }

  /** Whether signing in again is the way out. */
  get isSignedOut(): boolean {
    return this.status === 401;
  }
}

export interface Listed<Item> {
  items: Item[];
  page: number;
  limit: number;
  total: number;
}

/** One thing that holds a page of a list, with the whole list's length. */
export interface Counted<Data> {
  data: Data;
  page: number;
  limit: number;
  total: number;
}

interface Envelope {
  success: boolean;
  data: unknown;
  meta: { page: number | null; limit: number | null; total: number | null };
  error: { code: string; message: string } | null;
}

/** A body that the service reads as JSON. */
export type Body = Record<string, unknown>;

export type Query = Record<string, string | number | boolean | null>;

const SECONDS = 30;
const SIGNED_OUT =
  'Your sign-in has run out. This page stays as it is: sign in again in a new tab, then try again here.';

/** The service's own address of an API path. */
export function apiAddress(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== '') {
      search.set(name, String(value));
    }
  }
  const text = search.toString();
  return `${settings.prefix}/api/v1${path}${text ? `?${text}` : ''}`;
}

interface Sent {
  signal?: AbortSignal | undefined;
  body?: Body | undefined;
  outlivesPage?: boolean;
  /** The anti-forgery token to try in place of the one in use. */
  token?: string;
}

let tokenInUse = settings.xsrf;

async function ask(
  method: string,
  address: string,
  { signal, body, outlivesPage = false, token = tokenInUse }: Sent
): Promise<Response> {
  const limit = AbortSignal.timeout(1000 * SECONDS);
  try {
    return await fetch(address, {
      method,
      // The hub's library asks for the token on reads too: only our own pages can know it.
      headers: {
        'X-XSRFToken': token,
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' })
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      keepalive: outlivesPage,
      signal: signal ? AbortSignal.any([signal, limit]) : limit
    });
  } catch (error) {
    if (signal?.aborted) {
      throw error;
    }
    throw new Problem(
      'Studyhall can’t be reached. Check your connection, then try again.',
      'unreachable',
      0
    );
  }
}

/**
 * Goes on under a sign-in that was made in another tab, as long as it is the same person's: what one person has typed
 * is never saved in another's name. Tells whether there is such a sign-in.
 */
async function hasSignedInAgain(signal: AbortSignal | undefined): Promise<boolean> {
  for (const token of newTokens(document.cookie, tokenInUse)) {
    const answer = await ask('GET', apiAddress('/me'), { signal, token });
    if (answer.ok) {
      const { data } = (await answer.json()) as { data: { username: string } };
      if (data.username !== settings.username) {
        throw new Problem(
          `This browser is signed in as ${data.username} now, and this page is ${settings.username}’s. ` +
            `It stays as it is: sign in as ${settings.username} in a new tab, then try again here.`,
          'other_person',
          401
        );
      }
      tokenInUse = token;
      return true;
    }
  }
  return false;
}

/** What the service answers; a call that came too late for its sign-in is made once more under the next one. */
async function answerTo(method: string, address: string, sent: Sent): Promise<Response> {
  const answer = await ask(method, address, sent);
  // Refused for the sign-in alone, it has not been done.
  return answer.status === 401 && (await hasSignedInAgain(sent.signal))
    ? await ask(method, address, sent)
    : answer;
}

const NOTHING: Envelope = {
  success: true,
  data: null,
  meta: { page: null, limit: null, total: null },
  error: null
};

async function call(method: string, address: string, sent: Sent = {}): Promise<Envelope> {
  const answer = await answerTo(method, address, sent);
  if (answer.status === 204) {
    return NOTHING;
  }
  let envelope: Envelope;
  try {
    envelope = (await answer.json()) as Envelope;
  } catch (error) {
    if (sent.signal?.aborted) {
      throw error;
    }
    throw new Problem(
      'Studyhall is not answering right now. It restarts by itself; try again in a minute.',
      'no_answer',
      answer.status
    );
  }
  if (!answer.ok || !envelope.success) {
    throw new Problem(
      answer.status === 401
        ? SIGNED_OUT
        : (envelope.error?.message ?? 'Something went wrong. Try again in a minute.'),
      envelope.error?.code ?? 'unknown',
      answer.status
    );
  }
  return envelope;
}

/** Reads one thing. */
export async function read<Data>(path: string, signal?: AbortSignal): Promise<Data> {
  return (await call('GET', apiAddress(path), { signal })).data as Data;
}

/** Reads one page of a list. */
export async function readList<Item>(
  path: string,
  query: Query,
  signal?: AbortSignal
): Promise<Listed<Item>> {
  const { data, meta } = await call('GET', apiAddress(path, query), { signal });
  const items = data as Item[];
  return {
    items,
    page: meta.page ?? 1,
    limit: meta.limit ?? items.length,
    total: meta.total ?? items.length
  };
}

/** Does something that needs no further words. */
export async function act<Data>(path: string): Promise<Data> {
  return (await call('POST', apiAddress(path))).data as Data;
}

/** Sends something; for what the service takes without words see `act`. */
export async function send<Data>(
  method: 'POST' | 'PUT' | 'PATCH',
  path: string,
  body: Body
): Promise<Data> {
  return (await call(method, apiAddress(path), { body })).data as Data;
}

/** Takes something away; when asked so, also while the page is being left. */
export async function remove(
  path: string,
  { outlivesPage = false, body }: { outlivesPage?: boolean; body?: Body } = {}
): Promise<void> {
  await call('DELETE', apiAddress(path), { outlivesPage, body });
}

/** Reads one thing of a list-like answer, with the whole list's length. */
export async function readCounted<Data>(
  path: string,
  query: Query,
  signal?: AbortSignal
): Promise<Counted<Data>> {
  const { data, meta } = await call('GET', apiAddress(path, query), { signal });
  return {
    data: data as Data,
    page: meta.page ?? 1,
    limit: meta.limit ?? 0,
    total: meta.total ?? 0
  };
}

/** Has the browser keep a file of the service's under a name; a refusal is a sentence, not a file. */
export async function download(path: string, query: Query, name: string): Promise<void> {
  const address = apiAddress(path, query);
  const answer = await answerTo('GET', address, {});
  if (!answer.ok) {
    const envelope = (await answer.json().catch(() => null)) as Envelope | null;
    throw new Problem(
      answer.status === 401
        ? SIGNED_OUT
        : (envelope?.error?.message ?? 'The file could not be made. Try again in a minute.'),
      envelope?.error?.code ?? 'unknown',
      answer.status
    );
  }
  const url = URL.createObjectURL(await answer.blob());
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

/** What went wrong in a sentence, whatever it was. */
export function problemOf(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem('That did not work. Try again.', 'page', 0);
}
