import assert from 'node:assert/strict';
import test from 'node:test';

import { inOrder } from '../src/ai_review/dimensions';

test('dimensions are shown in one order, whatever order they come in', () => {
  const stored = { security: 1, wit: 2, efficiency: 3, charm: 4, correctness: 5 };
  assert.deepEqual(
    inOrder(stored).map(([name]) => name),
    ['correctness', 'efficiency', 'security', 'charm', 'wit']
  );
});
