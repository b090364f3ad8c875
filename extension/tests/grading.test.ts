import assert from 'node:assert/strict';
import test from 'node:test';

import { changesOf } from '../staff/audit/words';
import { cellWords, heatOf, spotAfter } from '../staff/gradebook/cells';
import {
  draftOf,
  draftProblem,
  givenOf,
  isSameDraft,
  leftWithDraft,
  pointsOf,
  rebased,
  scoreByRubric,
  shownOf,
  withMark
} from '../staff/grading/draft';
import { cellBeside, firstCell, nextWaiting } from '../staff/grading/next';

const EMPTY = {
  manual_score: null,
  extra_credit: null,
  comment: null,
  rubric_marks: [],
  version: 0
};

test('points are read as people type them', () => {
  for (const [text, points] of [
    ['', null],
    [' 3 ', 3],
    ['2,5', 2.5],
    ['−1', -1]
  ] as const) {
    assert.equal(pointsOf(text), points);
  }
  assert.ok(Number.isNaN(pointsOf('three')));
});

test('a draft says what is wrong with it before it is sent', () => {
  const draft = draftOf(EMPTY);
  assert.equal(draftProblem(draft, 5), null);
  assert.equal(draftProblem({ ...draft, score: '5' }, 5), null);
  assert.match(draftProblem({ ...draft, score: '6' }, 5) ?? '', /at most 5/);
  assert.match(draftProblem({ ...draft, score: '-1' }, 5) ?? '', /below 0/);
  assert.match(draftProblem({ ...draft, extra: 'a lot' }, 5) ?? '', /a number/);
});

test('a draft is changed when it would be saved differently', () => {
  const draft = draftOf({ ...EMPTY, manual_score: 3, rubric_marks: ['a', 'b'] });
  assert.ok(isSameDraft(draft, { ...draft, rubric: ['b', 'a'], comment: '  ' }));
  assert.ok(!isSameDraft(draft, { ...draft, score: '4' }));
  assert.deepEqual(givenOf({ ...draft, comment: ' Well done. ' }), {
    manual_score: 3,
    extra_credit: null,
    comment: 'Well done.',
    rubric_items: ['a', 'b'],
    expected_version: 0
  });
});

test('what is typed while a save is under way stays, on the version that was saved', () => {
  const before = draftOf(EMPTY);
  const sent = { ...before, score: '1,', comment: 'First. ' };
  const now = { ...sent, score: '1,5', comment: 'First. Second' };
  const saved = draftOf({ ...EMPTY, manual_score: 1, comment: 'First.', version: 1 });
  const left = rebased(now, saved);
  assert.deepEqual(left.draft, { ...now, version: 1 });
  assert.ok(!isSameDraft(left.draft, saved));
  assert.deepEqual(shownOf(left, saved), left);
  // With nothing typed since, not even a space at the end is taken away under the writer's hands.
  const same = rebased(sent, saved);
  assert.ok(isSameDraft(same.draft, saved));
  assert.equal(shownOf(same, saved).draft.comment, 'First. ');
});

test('a draft that is saved follows what happens afterwards, and one that is not stays', () => {
  const saved = draftOf({ ...EMPTY, manual_score: 1.5, version: 1 });
  const later = draftOf({ ...EMPTY, manual_score: 3, version: 2 });
  const done = rebased({ ...saved, score: '1,5' }, saved);
  assert.equal(shownOf(done, later).draft.score, '3');
  const open = rebased({ ...saved, score: '2' }, saved);
  assert.deepEqual(shownOf(open, later).draft, { ...saved, score: '2' });
  assert.equal(shownOf(null, later).draft.score, '3');
  assert.equal(shownOf({ draft: saved, base: null }, later).draft.score, '1.5');
});

test('a draft whose save arrived after its page was left is nobody else’s', () => {
  const kept = { ...draftOf(EMPTY), score: '1,', comment: 'First. ' };
  const arrived = draftOf({ ...EMPTY, manual_score: 1, comment: 'First.', version: 1 });
  const shown = shownOf({ draft: kept, base: null }, arrived);
  // What is typed from now on stands on what was saved, and not a character is taken away.
  assert.deepEqual(shown, { draft: { ...kept, version: 1 }, base: arrived });
  // What differs was not saved by this page: whose it is has to be asked.
  const theirs = { ...arrived, score: '2' };
  assert.equal(shownOf({ draft: kept, base: null }, theirs).draft.version, 0);
});

const ADDING = [
  { id: 'idea', points: 3 },
  { id: 'example', points: 2 },
  { id: 'spelling', points: -1 }
];
const TAKING = [
  { id: 'fine', points: 0 },
  { id: 'late', points: -2 }
];

test('a rubric adds up, or takes from everything when it only takes', () => {
  assert.equal(scoreByRubric(ADDING, [], 5), null);
  assert.equal(scoreByRubric(ADDING, ['idea', 'spelling'], 5), 2);
  assert.equal(scoreByRubric(ADDING, ['spelling'], 5), 0);
  assert.equal(scoreByRubric(ADDING, ['idea', 'example'], 4), 4);
  assert.equal(scoreByRubric(TAKING, ['fine'], 5), 5);
  assert.equal(scoreByRubric(TAKING, ['late'], 5), 3);
});

test('a rubric item goes on and off again, and the score follows', () => {
  const rubric = ADDING.map(item => ({ ...item, test_id: 'n/q', title: item.id }));
  const on = withMark(draftOf(EMPTY), rubric, 'idea', 5);
  assert.deepEqual([on.rubric, on.score], [['idea'], '3']);
  const off = withMark(on, rubric, 'idea', 5);
  assert.deepEqual([off.rubric, off.score], [[], '']);
});

const CELLS = [
  { test_id: 'a', needs_grading: false, kind: 'auto' as const },
  { test_id: 'b', needs_grading: true, kind: 'manual' as const },
  { test_id: 'c', needs_grading: false, kind: 'manual' as const },
  { test_id: 'd', needs_grading: true, kind: 'manual' as const }
];

test('grading begins at what waits and goes on to what waits', () => {
  assert.equal(firstCell(CELLS, '')?.test_id, 'b');
  assert.equal(firstCell(CELLS, 'c')?.test_id, 'c');
  assert.equal(firstCell(CELLS.slice(0, 1), 'x')?.test_id, 'a');
  assert.equal(nextWaiting(CELLS, 'b')?.test_id, 'd');
  assert.equal(nextWaiting(CELLS, 'd')?.test_id, 'b');
  assert.equal(nextWaiting(CELLS.slice(0, 3), 'b'), undefined);
  assert.equal(cellBeside(CELLS, 'a', 1)?.test_id, 'b');
  assert.equal(cellBeside(CELLS, 'a', -1), undefined);
});

test('arrows stay inside the table, Home and End go to its edges', () => {
  const size = { rows: 3, columns: 4 };
  const plain = { withControl: false, rightToLeft: false };
  const at = { row: 1, column: 1 };
  assert.deepEqual(spotAfter(at, 'ArrowRight', size, plain), { row: 1, column: 2 });
  assert.deepEqual(spotAfter(at, 'ArrowRight', size, { ...plain, rightToLeft: true }), {
    row: 1,
    column: 0
  });
  assert.deepEqual(spotAfter({ row: 2, column: 3 }, 'ArrowDown', size, plain), {
    row: 2,
    column: 3
  });
  assert.deepEqual(spotAfter(at, 'End', size, { ...plain, withControl: true }), {
    row: 2,
    column: 3
  });
  assert.equal(spotAfter(at, 'x', size, plain), null);
});

const CELL = {
  attempt_id: 'x',
  score: 7.5,
  max_score: 10,
  state: 'graded' as const,
  late: true,
  penalty: 2.5,
  manual: true,
  extension: false,
  attempts: 2
};

test('a cell says everything that it shows', () => {
  assert.equal(
    cellWords(CELL, String),
    '7.5 of 10, late, 2.5 points taken, graded by a person, 2 attempts'
  );
  assert.equal(
    cellWords(
      { ...CELL, score: null, state: 'missing', late: false, manual: false, attempts: 0 },
      String
    ),
    'nothing handed in'
  );
  assert.equal(heatOf(CELL), 0.75);
  assert.equal(heatOf({ score: null, max_score: 10 }), null);
  assert.equal(heatOf({ score: 12, max_score: 10 }), 1);
});

test('the audit log tells what differs, in words', () => {
  assert.deepEqual(
    changesOf(
      {
        before: { manual_score: null, comment: 'x', rubric: [] },
        after: { manual_score: 4, comment: 'x', rubric: ['a'] }
      },
      String
    ),
    [
      { name: 'manual score', before: 'nothing', after: '4' },
      { name: 'rubric', before: 'nothing', after: 'a' }
    ]
  );
  assert.deepEqual(
    changesOf(
      { before: null, after: { late_policy: 'hard_close', due_at: '2030-01-31T18:00:00Z' } },
      () => 'then'
    ),
    [
      { name: 'late policy', before: 'nothing', after: 'hard close' },
      { name: 'due at', before: 'nothing', after: 'then' }
    ]
  );
});

test('an answer that was graded elsewhere stays in sight while something typed for it is not saved', () => {
  const waiting = [{ attempt_id: 'one' }, { attempt_id: 'two' }];
  const typed = { ...draftOf(EMPTY), score: '4' };
  assert.equal(leftWithDraft(waiting, 'three', typed), true);
  assert.equal(leftWithDraft([], 'three', typed), true);
  assert.equal(leftWithDraft(waiting, 'two', typed), false);
  assert.equal(leftWithDraft(waiting, 'three', null), false);
});
