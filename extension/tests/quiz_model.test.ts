import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';

import { ApiError } from '../src/api/request';
import { QuizModel } from '../src/quizzes/model';
import { ClassroomByHand, settle } from './classroom_by_hand';

const QUESTION = { id: 'q', type: 'text', options: [] };
const FRESH = { questions: [QUESTION], attempts: [], in_progress: null };
const UNDER_WAY = { ...FRESH, in_progress: { attempt_id: 't1', answers: { q: 'kept' } } };
const SAVE_MS = 2_000;

function quiz(context: TestContext): { hand: ClassroomByHand; model: QuizModel } {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const hand = new ClassroomByHand();
  const model = new QuizModel(hand.classroom, 'z', 'python');
  void model.load();
  return { hand, model };
}

test('what was typed is not replaced by a second answer that was on its way', async context => {
  const { hand, model } = quiz(context);
  // The live stream's first word asks everybody to load, this quiz as well, since it is not there yet.
  await hand.needRefresh();
  await hand.answer('quiz', UNDER_WAY);
  model.answer('q', 'typed');
  await hand.answer('quiz', UNDER_WAY);
  assert.deepEqual(model.draft, { q: 'typed' });
});

test('a result is shown with its quiz, not in place of a form that somebody has begun', async context => {
  const { hand, model } = quiz(context);
  await hand.answer('quiz', { ...FRESH, attempts: [{ id: 't0', number: 1 }] });
  assert.equal(model.quiz, null);
  await hand.answer('quizResult', { score: 1 });
  assert.notEqual(model.quiz, null);
  assert.notEqual(model.result, null);
});

test('drafts are saved one after the other, the last one last', async context => {
  const { hand, model } = quiz(context);
  await hand.answer('quiz', UNDER_WAY);
  for (const text of ['a', 'ab', 'abc']) {
    model.answer('q', text);
    context.mock.timers.tick(SAVE_MS);
    await settle();
  }
  assert.deepEqual(hand.waiting, ['saveQuizAnswers']);
  await hand.answer('saveQuizAnswers', {});
  assert.equal(model.saved, false);
  const last = hand.question('saveQuizAnswers');
  assert.match(JSON.stringify(last.asked), /"abc"/);
  last.answer({});
  await settle();
  assert.equal(model.saved, true);
  assert.deepEqual(hand.waiting, []);
});

test('whoever types without a pause is saved meanwhile', async context => {
  const { hand, model } = quiz(context);
  await hand.answer('quiz', UNDER_WAY);
  for (const text of ['a', 'ab', 'abc', 'abcd', 'abcde']) {
    model.answer('q', text);
    context.mock.timers.tick(SAVE_MS / 8);
    await settle();
  }
  assert.deepEqual(hand.waiting, ['saveQuizAnswers']);
});

test('a draft that comes too late for its attempt is no failure of the answers', async context => {
  const { hand, model } = quiz(context);
  await hand.answer('quiz', UNDER_WAY);
  model.answer('q', 'a');
  context.mock.timers.tick(SAVE_MS);
  await settle();
  void model.submit();
  await settle();
  await hand.answer('submitQuiz', { score: 1 });
  model.tryAgain();
  hand.question('saveQuizAnswers').refuse(new ApiError('It is over.', 'over', 409));
  await settle();
  assert.equal(model.error, null);
});

test('an attempt that begins while the answers are handed in gets no draft beside them', async context => {
  const { hand, model } = quiz(context);
  await hand.answer('quiz', FRESH);
  model.answer('q', 'a');
  context.mock.timers.tick(SAVE_MS);
  await settle();
  void model.submit();
  await hand.answer('startQuiz', { attempt_id: 't1' });
  assert.deepEqual(hand.waiting, ['submitQuiz']);
});

const AWAY = new ApiError('The classroom is away.', 'classroom_unreachable', 502);

test('answers that could not be saved are saved as soon as the classroom is back', async context => {
  const { hand, model } = quiz(context);
  await hand.answer('quiz', UNDER_WAY);
  model.answer('q', 'a');
  context.mock.timers.tick(SAVE_MS);
  await settle();
  hand.question('saveQuizAnswers').refuse(AWAY);
  await settle();
  assert.match(model.error ?? '', /Keep this window open: your answers are in it/);
  await hand.needRefresh();
  await hand.answer('saveQuizAnswers', {});
  assert.equal(model.error, null);
  assert.equal(model.saved, true);
  await hand.needRefresh();
  assert.deepEqual(hand.waiting, []);
});

test('a result whose reply was lost is shown when the classroom is back', async context => {
  const { hand, model } = quiz(context);
  await hand.answer('quiz', UNDER_WAY);
  model.answer('q', 'a');
  void model.submit();
  await settle();
  hand.question('submitQuiz').refuse(AWAY);
  await settle();
  await hand.needRefresh();
  hand.question('saveQuizAnswers').refuse(new ApiError('It is over.', 'quiz_finished', 409));
  await settle();
  await hand.answer('quizResult', { score: 1 });
  assert.deepEqual(model.result, { score: 1 });
  assert.equal(model.error, null);
});

test('a refusal of the answers themselves is not sent again by itself', async context => {
  const { hand, model } = quiz(context);
  await hand.answer('quiz', UNDER_WAY);
  model.answer('q', 'a');
  void model.submit();
  await settle();
  hand.question('submitQuiz').refuse(new ApiError('Too long.', 'invalid', 422));
  await settle();
  await hand.needRefresh();
  assert.deepEqual(hand.waiting, []);
  assert.equal(model.error, 'Too long.');
});
