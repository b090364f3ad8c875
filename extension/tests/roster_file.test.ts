import assert from 'node:assert/strict';
import test from 'node:test';

import { rosterText } from '../staff/administration/roster_file';

const bytes = (...values: number[]): Blob => new Blob([new Uint8Array(values)]);

test('a roster is read as the spreadsheet saved it, without its byte order mark', async () => {
  assert.deepEqual(await rosterText(new Blob(['\uFEFFusername;display_name\nmia;Müller'])), {
    text: 'username;display_name\nmia;Müller'
  });
});

test('a file in another encoding is refused in words, and no name is garbled', async () => {
  // "Mü" as Windows saves it.
  for (const file of [bytes(0x4d, 0xfc), bytes(0xff, 0xfe, 0x4d, 0x00)]) {
    assert.match(JSON.stringify(await rosterText(file)), /refused.*CSV UTF-8/);
  }
});

test('what is no text or far too large is refused', async () => {
  assert.match(JSON.stringify(await rosterText(bytes(0x50, 0x00))), /refused.*no text/);
  assert.match(JSON.stringify(await rosterText(new Blob(['x'.repeat(10_000_001)]))), /refused/);
});
