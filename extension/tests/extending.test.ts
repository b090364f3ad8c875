import assert from 'node:assert/strict';
import test from 'node:test';

import { fieldText } from '../staff/components/moment_field';
import { everybodysEnd, extensionProblem } from '../staff/gradebook/extending';

const DUE = '2030-05-03T16:00:30Z';
const after = (seconds: number): string =>
  fieldText(new Date(Date.parse(DUE) + 1000 * seconds).toISOString());
const exact = (moment: Date): string => moment.toISOString();

test('an extension gives more time than everybody has', () => {
  const dates = { due_at: DUE, closes_at: null };
  assert.equal(extensionProblem(after(3600), dates, exact), null);
  assert.equal(extensionProblem(after(60), dates, exact), null);
  for (const seconds of [0, -60, -86_400]) {
    assert.match(extensionProblem(after(seconds), dates, exact) ?? '', /2030-05-03.*later/);
  }
});

test('where nothing is due the closing counts, and where nothing closes there is no end', () => {
  assert.equal(everybodysEnd({ due_at: null, closes_at: DUE }), DUE);
  assert.equal(everybodysEnd({ due_at: null, closes_at: null }), null);
  assert.match(
    extensionProblem(after(-60), { due_at: null, closes_at: DUE }, exact) ?? '',
    /later/
  );
});
