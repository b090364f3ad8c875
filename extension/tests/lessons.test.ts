import assert from 'node:assert/strict';
import test from 'node:test';

import type { Outline, OutlineLesson } from '../src/api/types';
import { filterOutline } from '../src/courses/filter';
import {
  lessonAskedFor,
  placeFromMetadata,
  stemOf,
  titleFromGradeId,
  withoutLesson
} from '../src/courses/place';
import { passedOf } from '../src/courses/progress';
import { failingLine, isBlank } from '../src/submissions/python_text';

function lesson(title: string): OutlineLesson {
  return { slug: title, title } as OutlineLesson;
}

const OUTLINE: Outline = {
  course: { slug: 'c', title: 'C', description: '', release: 1 },
  continue: null,
  units: [
    { slug: 'first', title: 'First steps', lessons: [lesson('Names'), lesson('Loops')] },
    { slug: 'data', title: 'Data', lessons: [lesson('Tables'), lesson('Loops over tables')] }
  ]
};

test('what is only there to be read counts neither as passed nor as to be passed', () => {
  const of = (state: string, has_tests: boolean): OutlineLesson =>
    ({ state, has_tests }) as OutlineLesson;
  const lessons = [of('passed', true), of('started', true), of('started', false)];
  assert.deepEqual(passedOf(lessons), { passed: 1, total: 2 });
});

test('the filter keeps lessons with every word and drops empty units', () => {
  const titles = (query: string): string[] =>
    filterOutline(OUTLINE, query).flatMap(unit => unit.lessons.map(({ title }) => title));
  assert.deepEqual(titles('LOOPS'), ['Loops', 'Loops over tables']);
  assert.deepEqual(titles('data loop'), ['Loops over tables']);
  assert.deepEqual(titles('nothing'), []);
  assert.equal(filterOutline(OUTLINE, '  ').length, 2);
});

test('only a released notebook belongs to a lesson', () => {
  const place = { course: 'c', lesson: 'l', notebook: 'n', release: 3 };
  assert.deepEqual(placeFromMetadata(place), place);
  assert.equal(placeFromMetadata({ course: 'c', lesson: 7, notebook: 'n' }), null);
  assert.equal(placeFromMetadata(undefined), null);
  assert.equal(stemOf('a/b/Names and values.ipynb'), 'Names and values');
});

test('an address may ask for a lesson, once', () => {
  assert.deepEqual(lessonAskedFor('?studyhall-lesson=c%2Fl&reset'), { course: 'c', lesson: 'l' });
  for (const nothing of [
    '',
    '?studyhall-lesson=',
    '?studyhall-lesson=c',
    '?studyhall-lesson=c/l/m'
  ]) {
    assert.equal(lessonAskedFor(nothing), null);
  }
  const address = 'https://hub.example/user/lea/lab';
  assert.equal(withoutLesson(`${address}?studyhall-lesson=c%2Fl#x`), `${address}#x`);
});

test('a test without a title is named by its id', () => {
  assert.equal(titleFromGradeId('test_mean-of_list'), 'Mean of list');
  assert.equal(titleFromGradeId('autotest_x'), 'X');
  assert.equal(titleFromGradeId('tests'), 'Tests');
});

test('a test that lost its hidden part is blank', () => {
  assert.equal(isBlank('# More tests run when you submit.\n\n'), true);
  assert.equal(isBlank('assert x'), false);
});

test('the failing line is the innermost one, without colours', () => {
  const escape = String.fromCharCode(27);
  const traceback = [
    'Traceback',
    `${escape}[32m----> 2${escape}[39m assert half(3) == 1.5`,
    '      1 def half(x):\n----> 2     return y / 2'
  ];
  assert.equal(failingLine(traceback), 'return y / 2');
  assert.equal(failingLine(['nothing here']), '');
});
