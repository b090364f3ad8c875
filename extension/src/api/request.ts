import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';

/** What every answer of the service looks like. */
interface Envelope {
  success: boolean;
  data?: unknown;
  error?: {
    code: string;
    message: string;
    details?: { field: string; message: string }[];
  } | null;
}

/** An answer that says no. Its message is written for people and is shown as it is. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly code: string,
    readonly status: number
  ) {
    super(message);
    this.name = 'ApiError';
  }

  /** Whether the same request may well work a little later. */
  get temporary(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 502;
  }
}

/** Whether the same request may well work later without being changed: now, or after signing in again. */
export function passes(reason: unknown): boolean {
  return (
    !(reason instanceof ApiError) ||
    reason.temporary ||
    reason.status === 401 ||
    (reason.status === 403 && ['forbidden', 'unknown'].includes(reason.code))
  );
}

export type QueryValue = string | number | boolean | null | undefined;

export interface RequestOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  query?: Record<string, QueryValue>;
  body?: unknown;
  /** A refresh that nobody asked for: it must not keep an idle server alive. */
  background?: boolean;
  signal?: AbortSignal;
}

/** Sends requests to the learner's own server, which passes them on to the classroom service. */
export class Transport {
  constructor(
    private readonly _settings: ServerConnection.ISettings,
    private readonly _trans: TranslationBundle
  ) {}

  url(path: string, query: Record<string, QueryValue> = {}): string {
    const base = URLExt.join(this._settings.baseUrl, 'studyhall/api/v1', path);
    const given = Object.entries(query).filter(
      ([, value]) => value !== null && value !== undefined
    );
    const text = new URLSearchParams(
      given.map(([name, value]) => [name, String(value)])
    ).toString();
    return text ? `${base}?${text}` : base;
  }

  /**
   * Returns the `data` of the answer, or throws an {@link ApiError} whose message says what happened.
   */
  async call<T>(path: string, options: RequestOptions = {}): Promise<T> {
    const response = await this._send(path, options);
    if (response.status === 204) {
      return undefined as T;
    }
    const envelope = await this._envelope(response);
    if (response.ok && envelope?.success) {
      return envelope.data as T;
    }
    throw new ApiError(
      envelope?.error?.message ?? this._plainMessage(response.status),
      envelope?.error?.code ?? 'unknown',
      response.status
    );
  }

  /** Opens the live stream; the caller reads its body and ends it through the signal. */
  async openStream(path: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const response = await ServerConnection.makeRequest(
      this.url(path),
      { method: 'GET', headers: { Accept: 'text/event-stream' }, signal },
      this._settings
    );
    const type = response.headers.get('Content-Type') ?? '';
    if (!response.ok || !response.body || !type.startsWith('text/event-stream')) {
      await response.body?.cancel();
      throw new ApiError(this._plainMessage(response.status), 'no_stream', response.status);
    }
    return response.body;
  }

  private async _send(path: string, options: RequestOptions): Promise<Response> {
    const query = options.background ? { ...options.query, no_track_activity: 1 } : options.query;
    const init: RequestInit = { method: options.method ?? 'GET' };
    if (options.body !== undefined) {
      init.body = JSON.stringify(options.body);
      init.headers = { 'Content-Type': 'application/json' };
    }
    if (options.signal) {
      init.signal = options.signal;
    }
    try {
      return await ServerConnection.makeRequest(this.url(path, query), init, this._settings);
    } catch (reason) {
      if (options.signal?.aborted) {
        throw reason;
      }
      throw new ApiError(this._plainMessage(0), 'unreachable', 0);
    }
  }

  private async _envelope(response: Response): Promise<Envelope | null> {
    try {
      const value: unknown = await response.json();
      return typeof value === 'object' && value !== null && 'success' in value
        ? (value as Envelope)
        : null;
    } catch {
      return null;
    }
  }

  private _plainMessage(status: number): string {
    if (status === 0) {
      return this._trans.__(
        'Your notebook server does not answer. Your work is safe; check your connection and try again.'
      );
    }
    if (status === 401 || status === 403) {
      return this._trans.__(
        'You are signed out. Sign in again in a new tab, then go on here: what you have typed stays in this window.'
      );
    }
    if (status === 404) {
      return this._trans.__(
        'Studyhall is not running on this notebook server. Restart your server from the hub, or ask your instructor.'
      );
    }
    return this._trans.__(
      'The classroom cannot be reached right now. Your work is safe; try again in a moment.'
    );
  }
}
