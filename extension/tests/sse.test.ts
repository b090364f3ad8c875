import assert from 'node:assert/strict';
import test from 'node:test';

import { SseParser } from '../src/api/sse';

test('messages are found wherever the chunks end', () => {
  const text = ': hello\n\nevent: state\ndata: {"a":\ndata: 1}\n\ndata: plain\n\n';
  for (let cut = 0; cut <= text.length; cut += 1) {
    const parser = new SseParser();
    const messages = [...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))];
    assert.deepEqual(messages, [
      { name: 'state', data: '{"a":\n1}' },
      { name: 'message', data: 'plain' }
    ]);
  }
});

test('carriage returns end lines too, also between two chunks', () => {
  const parser = new SseParser();
  assert.deepEqual(parser.push('event: x\r\ndata: 1\r'), []);
  assert.deepEqual(parser.push('\n\r'), []);
  assert.deepEqual(parser.push('\n'), [{ name: 'x', data: '1' }]);
});

test('an event without data is no message', () => {
  assert.deepEqual(new SseParser().push('event: lonely\n\n'), []);
});
