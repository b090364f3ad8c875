import assert from 'node:assert/strict';
import test from 'node:test';

import { asksNothing } from '../src/submissions/python_text';

test('a cell whose tests are all hidden asks nothing before submitting', () => {
  const driven = 'from studyhall_notebooks.driven import check\n\n';
  const partial = `${driven}parts = check.partial()\nparts.points(4)`;
  for (const source of ['', '# More tests run when you submit.', driven, partial, 'import math']) {
    assert.equal(asksNothing(source), true, source);
  }
});

test('a cell with a test of its own asks something', () => {
  const driven = 'from studyhall_notebooks.driven import check\n';
  for (const source of [
    'assert mean([1]) == 1',
    `${driven}check.call("f").equals(1)`,
    'import math\ncorrect = f(1) == 1\ncorrect',
    'f(2).points == 3'
  ]) {
    assert.equal(asksNothing(source), false, source);
  }
});
