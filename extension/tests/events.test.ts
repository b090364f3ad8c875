import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';

import { EventsClient } from '../src/api/events';
import type { Transport } from '../src/api/request';

/** A learner's server whose streams the test writes itself; null means that it refuses one. */
class Streams {
  opened = 0;
  refuse = false;
  private _controller: ReadableStreamDefaultController<Uint8Array> | null = null;

  openStream(_path: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    this.opened += 1;
    if (this.refuse) {
      return Promise.reject(new Error('refused'));
    }
    return Promise.resolve(
      new ReadableStream<Uint8Array>({
        start: controller => {
          this._controller = controller;
          signal.addEventListener('abort', () => controller.error(new Error('aborted')));
        }
      })
    );
  }

  send(name: string, data: unknown): void {
    const text = `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
    this._controller?.enqueue(new TextEncoder().encode(text));
  }

  end(): void {
    this._controller?.close();
  }
}

/** Lets everything that is ready run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) {
    await new Promise<void>(resolve => {
      setImmediate(resolve);
    });
  }
}

interface Watched {
  streams: Streams;
  client: EventsClient;
  seen: string[];
  pass: (milliseconds: number) => Promise<void>;
}

function watch(context: TestContext): Watched {
  context.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  Object.assign(globalThis, { window: globalThis, document: { hidden: false } });
  const streams = new Streams();
  const client = new EventsClient(streams as unknown as Transport);
  const seen: string[] = [];
  client.received.connect((_, event) => seen.push(event.name));
  client.refreshNeeded.connect(() => seen.push('refresh'));
  context.after(() => client.dispose());
  return {
    streams,
    client,
    seen,
    pass: async milliseconds => {
      context.mock.timers.tick(milliseconds);
      await settle();
    }
  };
}

test('the first state makes the connection live and refreshes what is shown', async context => {
  const { streams, client, seen } = watch(context);
  client.start();
  client.start();
  await settle();
  streams.send('state', { attempts_in_flight: [], server_time: '' });
  streams.send('something.unknown', {});
  streams.send('submission.progress', {});
  await settle();
  assert.equal(streams.opened, 1);
  assert.equal(client.connection, 'live');
  assert.deepEqual(seen, ['refresh', 'state', 'submission.progress']);
});

test('a stream that ends is opened again after a pause', async context => {
  const { streams, client, pass } = watch(context);
  client.start();
  await settle();
  streams.send('state', {});
  await settle();
  streams.end();
  await settle();
  assert.equal(client.connection, 'connecting');
  await pass(2_000);
  assert.equal(streams.opened, 2);
});

test('without streams it asks everybody to refresh, and stops as soon as a stream is back', async context => {
  const { streams, client, seen, pass } = watch(context);
  streams.refuse = true;
  client.start();
  for (let turn = 0; turn < 10; turn += 1) {
    await pass(4_000);
  }
  assert.equal(client.connection, 'polling');
  assert.ok(seen.filter(name => name === 'refresh').length >= 2);
  streams.refuse = false;
  const before = streams.opened;
  for (let turn = 0; turn < 60 && streams.opened === before; turn += 1) {
    await pass(1_000);
  }
  streams.send('state', {});
  await settle();
  assert.equal(client.connection, 'live');
  const heard = seen.length;
  await pass(16_000);
  assert.equal(seen.length, heard);
});

test('silence is a lost connection', async context => {
  const { streams, client, pass } = watch(context);
  client.start();
  await settle();
  streams.send('state', {});
  await settle();
  await pass(46_000);
  await pass(2_000);
  assert.equal(streams.opened, 2);
});

test('a server without its classroom is offline, not gone', async context => {
  const { streams, client } = watch(context);
  client.start();
  await settle();
  streams.send('connection', { online: false, message: 'away' });
  await settle();
  assert.equal(client.connection, 'offline');
  streams.send('connection', { online: true });
  await settle();
  assert.equal(client.connection, 'live');
  assert.equal(streams.opened, 1);
});
