import assert from 'node:assert/strict';
import test from 'node:test';

import { newTokens } from '../staff/api/sign_in';

test('a token that came with a later sign-in is found among the cookies', () => {
  assert.deepEqual(newTokens('', 'old'), []);
  assert.deepEqual(newTokens('_xsrf=old; other=1', 'old'), []);
  assert.deepEqual(newTokens('a=1; _xsrf=new; my_xsrf=no', 'old'), ['new']);
  // One may have been planted on a wider path: the service says which of them is its own.
  assert.deepEqual(newTokens('_xsrf=one; _xsrf=two; _xsrf=', 'old'), ['one', 'two']);
});
