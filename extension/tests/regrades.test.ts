import assert from 'node:assert/strict';
import test from 'node:test';

import type { Regrade } from '../staff/api/staff';
import { isComplete, unchangedWords } from '../staff/regrades/unchanged';

function run(status: string, graded: number): Regrade {
  return { status, graded, total: 5, changed: 0 } as Regrade;
}

test('nothing is said of changes before an attempt was graded again', () => {
  assert.match(unchangedWords(run('queued', 0)), /as soon as attempts are graded again/);
  assert.equal(unchangedWords(run('discarded', 0)), 'No attempt was graded again.');
});

test('that nothing changes is final only when every attempt was graded again', () => {
  for (const unfinished of [run('running', 2), run('stuck', 2), run('discarded', 2)]) {
    assert.equal(unchangedWords(unfinished), 'No score changes so far.');
    assert.equal(isComplete(unfinished), false);
  }
  for (const whole of [run('ready', 5), run('confirmed', 5)]) {
    assert.equal(unchangedWords(whole), 'No score changes.');
  }
});
