import assert from 'node:assert/strict';
import test from 'node:test';

import type { QuizQuestion } from '../src/api/types';
import { answeredCount, answersFrom, spokenOption } from '../src/quizzes/answers';

const QUESTIONS: QuizQuestion[] = [
  { id: 'q1', type: 'multiple_choice', text: '', points: 1, options: [{ id: 'a', text: 'A' }] },
  { id: 'q2', type: 'short_answer', text: '', points: 1, options: [] }
];

test('an option is named in words only where a browser has none for it', () => {
  assert.equal(spokenOption('a **bold** `name`'), undefined);
  assert.equal(spokenOption('$x^2$'), 'x^2');
  assert.equal(spokenOption('**twice** $x$ apples'), 'twice x apples');
  assert.equal(spokenOption('![a tree](tree.png)'), 'a tree');
  assert.equal(spokenOption('![](tree.png)'), undefined);
});

test('blank answers are neither counted nor sent', () => {
  const draft = { q1: 'a', q2: '   ' };
  assert.equal(answeredCount(draft, QUESTIONS), 1);
  assert.deepEqual(answersFrom(draft, QUESTIONS), [
    { question_id: 'q1', selected_option_id: 'a', answer_text: null }
  ]);
});

test('texts are sent without the spaces around them', () => {
  assert.deepEqual(answersFrom({ q2: ' int ' }, QUESTIONS), [
    { question_id: 'q2', selected_option_id: null, answer_text: 'int' }
  ]);
});
