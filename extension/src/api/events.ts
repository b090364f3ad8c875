import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';

import type { Transport } from './request';
import { SseParser } from './sse';
import type { ClassroomEvents, ServiceConnection } from './types';

export type EventName = keyof ClassroomEvents;
export type ClassroomEvent = {
  [Name in EventName]: { name: Name; data: ClassroomEvents[Name] };
}[EventName];

/** Offline means that the learner's server is there and the classroom behind it is not. */
export type Connection = 'connecting' | 'live' | 'offline' | 'polling';

const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 30_000;
/** The service sends a heartbeat each 15 s: three missed ones mean that nobody is there. */
const SILENCE_MS = 45_000;
/** The first bytes come at once; a proxy that holds them back for so long holds back everything. */
const FIRST_BYTES_MS = 10_000;
const FAILURES_BEFORE_POLLING = 3;
const POLL_MS = 8_000;

/** Whether a name is one of the events that this client knows. */
function isKnown(name: string): name is EventName {
  return [
    'state',
    'submission.progress',
    'submission.updated',
    'submission.position',
    'rewards.updated',
    'ai_review.updated',
    'outbox.updated',
    'notification.created',
    'grades.updated',
    'connection'
  ].includes(name);
}

/**
 * The one live stream of this Lab window. It reconnects with growing pauses; while no stream can be
 * had, it asks its listeners every few seconds to refresh themselves instead.
 */
export class EventsClient implements IDisposable {
  constructor(private readonly _transport: Transport) {}

  /** An event arrived. */
  get received(): ISignal<this, ClassroomEvent> {
    return this._received;
  }

  /** Something may have been missed: whatever is shown should be fetched again. */
  get refreshNeeded(): ISignal<this, void> {
    return this._refreshNeeded;
  }

  get connectionChanged(): ISignal<this, Connection> {
    return this._connectionChanged;
  }

  get connection(): Connection {
    return this._connection;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  /** Starts listening; further calls do nothing. */
  start(): void {
    if (!this._started) {
      this._started = true;
      void this._run();
    }
  }

  dispose(): void {
    if (this._disposed) {
      return;
    }
    this._disposed = true;
    this._abort?.abort();
    window.clearInterval(this._pollTimer);
    Signal.clearData(this);
  }

  private async _run(): Promise<void> {
    let failures = 0;
    while (!this._disposed) {
      const worked = await this._listen();
      failures = worked ? 0 : failures + 1;
      if (failures >= FAILURES_BEFORE_POLLING) {
        this._startPolling('polling');
      } else if (this._connection === 'live') {
        this._setConnection('connecting');
      }
      const delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.max(0, failures - 1));
      // Spread out, so that a class of windows does not come back in the same instant.
      await this._pause(delay * (0.5 + Math.random()));
    }
  }

  /** Reads one stream to its end; tells whether it brought anything at all. */
  private async _listen(): Promise<boolean> {
    const abort = new AbortController();
    this._abort = abort;
    let silence = window.setTimeout(() => abort.abort(), FIRST_BYTES_MS);
    let worked = false;
    try {
      const body = await this._transport.openStream('events', abort.signal);
      const reader = body.getReader();
      const decoder = new TextDecoder();
      const parser = new SseParser();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) {
          break;
        }
        worked = true;
        window.clearTimeout(silence);
        silence = window.setTimeout(() => abort.abort(), SILENCE_MS);
        for (const message of parser.push(decoder.decode(value, { stream: true }))) {
          this._deliver(message.name, message.data);
        }
      }
    } catch {
      // A stream ends in many ways, all of them meaning: connect again.
    } finally {
      window.clearTimeout(silence);
    }
    return worked;
  }

  private _deliver(name: string, text: string): void {
    if (!isKnown(name)) {
      return;
    }
    let data: unknown;
    try {
      data = JSON.parse(text);
    } catch {
      return;
    }
    // The service's types are generated from the models that wrote this event.
    const event = { name, data } as ClassroomEvent;
    if (event.name === 'connection') {
      this._noteConnection(event.data);
    } else if (event.name === 'state') {
      this._noteConnection({ online: true });
      this._refreshNeeded.emit();
    }
    this._received.emit(event);
  }

  private _noteConnection(connection: ServiceConnection): void {
    if (connection.online) {
      this._stopPolling();
      this._setConnection('live');
    } else {
      // The server keeps trying by itself; asking meanwhile helps where only streams are blocked.
      this._startPolling('offline');
    }
  }

  private _startPolling(as: 'offline' | 'polling'): void {
    this._setConnection(as);
    if (this._pollTimer === 0) {
      this._pollTimer = window.setInterval(() => {
        if (!document.hidden) {
          this._refreshNeeded.emit();
        }
      }, POLL_MS);
    }
  }

  private _stopPolling(): void {
    window.clearInterval(this._pollTimer);
    this._pollTimer = 0;
  }

  private _setConnection(connection: Connection): void {
    if (connection !== this._connection) {
      this._connection = connection;
      this._connectionChanged.emit(connection);
    }
  }

  private _pause(milliseconds: number): Promise<void> {
    return new Promise(resolve => {
      window.setTimeout(resolve, milliseconds);
    });
  }

  private readonly _received = new Signal<this, ClassroomEvent>(this);
  private readonly _refreshNeeded = new Signal<this, void>(this);
  private readonly _connectionChanged = new Signal<this, Connection>(this);
  private _connection: Connection = 'connecting';
  private _abort: AbortController | null = null;
  private _pollTimer = 0;
  private _started = false;
  private _disposed = false;
}
