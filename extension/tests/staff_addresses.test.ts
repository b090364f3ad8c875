import assert from 'node:assert/strict';
import test from 'node:test';

import {
  addressOf,
  filterOf,
  NO_FILTER,
  placeOf,
  queryOf,
  type Place
} from '../staff/navigation/addresses';

function reread(place: Place): Place {
  const [path = '', search = ''] = addressOf(place).split(/(?=\?)/, 2);
  return placeOf(path, search);
}

test('every page has an address that leads back to it', () => {
  const filter = {
    lesson: 'loops',
    learner: 'lé & co',
    statuses: ['queued', 'running'] as const,
    flagged: true,
    sortBy: 'score' as const,
    descending: false,
    page: 3
  };
  const places: Place[] = [
    { page: 'home' },
    {
      page: 'gradebook',
      course: 'python',
      filter: {
        search: 'lé & co',
        lesson: 'loops',
        state: 'late',
        sortBy: 'total',
        descending: true,
        page: 2
      }
    },
    { page: 'grading', course: 'python', attempt: 'a-1', test: 'loops/why' },
    { page: 'queue', course: 'python' },
    {
      page: 'question',
      course: 'python',
      question: {
        lesson: 'loops',
        test: 'loops/why',
        anonymous: false,
        includeGraded: true,
        page: 3
      },
      attempt: 'a-1'
    },
    {
      page: 'question',
      course: 'python',
      question: {
        lesson: 'loops',
        test: 'loops/why',
        anonymous: null,
        includeGraded: false,
        page: 1
      },
      attempt: ''
    },
    {
      page: 'audit',
      course: 'python',
      filter: { action: 'grade.changed', actor: 'ines', page: 2 }
    },
    { page: 'assignments', course: 'python' },
    { page: 'assignments', course: 'a/b ?#é' },
    { page: 'attempts', course: 'python', filter: NO_FILTER },
    { page: 'attempts', course: 'python', filter: { ...filter, statuses: [...filter.statuses] } },
    { page: 'attempt', course: 'python', attempt: '1-2', filter: { ...NO_FILTER, page: 2 } },
    { page: 'attempt', course: '', attempt: '1-2', filter: NO_FILTER },
    { page: 'regrades', course: 'python', lesson: 'a/b ?#é', number: 1 },
    { page: 'regrades', course: 'python', lesson: 'loops', number: 3 },
    { page: 'dead-letters', number: 1 },
    { page: 'dead-letters', number: 4 }
  ];
  for (const place of places) {
    assert.deepEqual(reread(place), place);
  }
});

test('a list as usual has a short address', () => {
  assert.deepEqual(queryOf(NO_FILTER), {});
  assert.equal(
    addressOf({ page: 'attempts', course: 'python', filter: NO_FILTER }),
    '/courses/python/attempts'
  );
});

test('what an address says wrongly is left out', () => {
  assert.deepEqual(
    filterOf('?status=graded,nonsense&sort_by=name&order=sideways&page=-2&flagged=1'),
    { ...NO_FILTER, statuses: ['graded'] }
  );
  assert.equal(filterOf('?page=1e99').page, 1);
  assert.equal(filterOf('?page=2.5').page, 1);
});

test('addresses that lead nowhere are said to', () => {
  for (const path of ['/nowhere', '/courses', '/courses/a/b', '/dead-letters/x', '/attempts']) {
    assert.deepEqual(placeOf(path, ''), { page: 'unknown' });
  }
  assert.deepEqual(placeOf('/courses/%E0%A4%A/attempts', ''), {
    page: 'attempts',
    course: '%E0%A4%A',
    filter: NO_FILTER
  });
});
