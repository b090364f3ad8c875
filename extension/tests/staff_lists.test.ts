import assert from 'node:assert/strict';
import test from 'node:test';

import { sharesOf } from '../staff/courses/shares';
import { placeInList } from '../staff/submissions/place_in_list';

const items = ['a', 'b', 'c'].map(id => ({ id }));

test('neighbours are on the same page, or on the one before or after', () => {
  const second = { items, page: 2, limit: 3, total: 8 };
  assert.deepEqual(placeInList(second, 'a'), {
    index: 0,
    position: 4,
    previousPage: 1,
    nextPage: 2
  });
  assert.deepEqual(placeInList(second, 'b'), {
    index: 1,
    position: 5,
    previousPage: 2,
    nextPage: 2
  });
  assert.deepEqual(placeInList(second, 'c'), {
    index: 2,
    position: 6,
    previousPage: 2,
    nextPage: 3
  });
});

test('a list has two ends', () => {
  const only = { items, page: 1, limit: 3, total: 3 };
  assert.equal(placeInList(only, 'a').previousPage, null);
  assert.equal(placeInList(only, 'c').nextPage, null);
});

test('an attempt that the list does not hold has no place in it', () => {
  assert.deepEqual(placeInList({ items, page: 1, limit: 3, total: 3 }, 'x'), {
    index: -1,
    position: null,
    previousPage: null,
    nextPage: null
  });
});

test('each learner counts in one share', () => {
  assert.deepEqual(sharesOf({ learners: 10, started: 8, submitted: 5, passed: 2 }), {
    passed: 2,
    submitted: 3,
    started: 3,
    none: 2
  });
  assert.deepEqual(sharesOf({ learners: 0, started: 0, submitted: 0, passed: 0 }), {
    passed: 0,
    submitted: 0,
    started: 0,
    none: 0
  });
});

test('counts that do not fit together never make a share negative', () => {
  assert.deepEqual(sharesOf({ learners: 1, started: 2, submitted: 1, passed: 3 }), {
    passed: 3,
    submitted: 0,
    started: 0,
    none: 0
  });
});
