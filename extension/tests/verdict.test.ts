import assert from 'node:assert/strict';
import test from 'node:test';

import { nullTranslator } from '@jupyterlab/translation';

import type { Attempt, ReportedTest } from '../src/api/types';
import { GainBook } from '../src/submissions/gains';
import { headline, ProgressBook, rowsOf, splitTestId, withGrade } from '../src/submissions/verdict';

const trans = nullTranslator.load('studyhall');

const REPORTED: ReportedTest = {
  id: 'loops/test_sum',
  notebook: 'loops',
  grade_id: 'test_sum',
  answer_grade_id: 'sum',
  title: 'Sums',
  hidden: false,
  kind: 'assert',
  points: 1.5,
  max_points: 2,
  status: 'partial',
  message: 'almost',
  hint: 'count again',
  duration_ms: 4
};

function attempt(changes: Partial<Attempt>): Attempt {
  return {
    id: 'a1',
    course: 'python',
    lesson: 'loops',
    lesson_title: 'Loops',
    number: 1,
    status: 'queued',
    position: 1,
    late: false,
    submitted_at: '2026-05-03T12:00:00Z',
    graded_at: null,
    score: null,
    max_score: null,
    percent: null,
    passed: null,
    counts: false,
    release: 1,
    report: null,
    tests: [{ id: 'loops/test_sum', title: 'Sums', points: 2, hidden: false }],
    ...changes
  };
}

test('rows wait until their test has come in', () => {
  const progress = new ProgressBook();
  assert.equal(rowsOf(attempt({}), progress.of('a1'))[0]?.status, 'waiting');
  progress.note({
    attempt_id: 'a1',
    test_id: 'loops/test_sum',
    status: 'failed',
    done: 1,
    total: 1
  });
  const [row] = rowsOf(attempt({}), progress.of('a1'));
  assert.equal(row?.status, 'failed');
  assert.deepEqual(row.cells, ['test_sum']);
});

test('a report’s rows lead to the answer first, then to the test', () => {
  const report = {
    status: 'graded',
    message: '',
    score: 1.5,
    max_score: 2,
    tests: [REPORTED],
    repairs: []
  };
  const [row] = rowsOf(attempt({ status: 'graded', report }), new Map());
  assert.deepEqual(row?.cells, ['sum', 'test_sum']);
  assert.equal(row.points, 1.5);
});

test('an attempt that ended without a report does not pretend to wait', () => {
  assert.deepEqual(rowsOf(attempt({ status: 'internal_error' }), new Map()), []);
});

test('the headline says points, verdict and gained XP', () => {
  const done = attempt({ status: 'graded', score: 12, max_score: 15, percent: 80, passed: true });
  assert.deepEqual(headline(done, 35, 'en', trans), ['12 of 15 points', 'passed', '+35 XP']);
  assert.deepEqual(headline({ ...done, score: 2.5, passed: false }, 0, 'en', trans), [
    '2.5 of 15 points',
    'not passed yet'
  ]);
  assert.equal(
    headline({ ...done, status: 'needs_manual' }, 0, 'en', trans)[1],
    'the rest is graded by hand'
  );
});

test('a released grade takes the place of the tests’ points, in the headline and in its rows', () => {
  const final = {
    score: 13,
    max_score: 15,
    penalty: 0,
    extra_credit: 1,
    needs_grading: false,
    released_at: '2026-05-04T12:00:00Z',
    cells: { [REPORTED.id]: { manual_score: 1, extra_credit: null, comment: 'Nearly.' } }
  };
  const graded = attempt({
    status: 'needs_manual',
    score: 5,
    max_score: 15,
    final,
    report: {
      status: 'needs_manual',
      message: '',
      score: 5,
      max_score: 15,
      tests: [{ ...REPORTED, max_points: 2, points: 0, status: 'needs_manual' }],
      repairs: []
    }
  });
  assert.deepEqual(headline(graded, 0, 'en', trans), ['Grade: 13 of 15 points']);
  const [row] = rowsOf(graded, new Map());
  assert.deepEqual([row?.points, row?.status], [1, 'partial']);
  // Taken back, or moved to a newer attempt that counts: it stands on one attempt at most.
  const place = { course: 'python', lesson: 'loops' };
  const both = [attempt({ id: 'a2', number: 2 }), graded];
  const moved = withGrade(both, { ...place, attempt_id: 'a2', final });
  assert.deepEqual(
    moved?.map(one => one.final),
    [final, null]
  );
  assert.deepEqual(
    withGrade(moved, { ...place, attempt_id: 'a2', final: null })?.map(one => one.final),
    [null, null]
  );
  assert.equal(withGrade(null, { ...place, attempt_id: 'a2', final }), null);
});

test('test ids split at their last slash', () => {
  assert.deepEqual(splitTestId('loops/test_sum'), { notebook: 'loops', gradeId: 'test_sum' });
  assert.deepEqual(splitTestId('test_sum'), { notebook: '', gradeId: 'test_sum' });
});

test('gained XP belong to the attempt that they name, whenever they come', () => {
  const book = new GainBook();
  book.gain({ xp: 30, attempt_id: 'a1' });
  book.gain({ xp: 5, attempt_id: 'a2' });
  book.gain({ xp: 50, attempt_id: 'a1' });
  book.gain({ xp: 25, attempt_id: null });
  assert.equal(book.of('a1'), 80);
  assert.equal(book.of('a2'), 5);
  assert.equal(book.of('a3'), 0);
});

test('what a person still has to grade has no points yet', () => {
  const waiting: ReportedTest = { ...REPORTED, kind: 'manual', points: 0, status: 'needs_manual' };
  const graded = attempt({
    status: 'needs_manual',
    report: {
      status: 'needs_manual',
      message: '',
      score: 0,
      max_score: 2,
      tests: [waiting],
      repairs: []
    }
  });
  assert.equal(rowsOf(graded, new Map())[0]?.points, null);
});
