// Answers and events in every order in which a slow line can bring them: what is newer stays.

import assert from 'node:assert/strict';
import test from 'node:test';

import { ApiError } from '../src/api/request';
import type { Attempt, Notification, OutboxItem } from '../src/api/types';
import { ReviewModel } from '../src/ai_review/model';
import { OutlineModel } from '../src/courses/model';
import type { ILessons, LessonPlace } from '../src/courses/tokens';
import { NotificationsModel } from '../src/notifications/model';
import { RewardsModel } from '../src/rewards/model';
import { SubmissionsModel } from '../src/submissions/model';
import type { ISubmissions } from '../src/submissions/tokens';
import { ClassroomByHand, settle } from './classroom_by_hand';

function notification(changes: Partial<Notification> = {}): Notification {
  return {
    id: 'n1',
    title: 'Grade of Loops',
    created_at: '2026-05-03T12:00:00Z',
    read_at: null,
    ...changes
  } as Notification;
}

const READ = notification({ read_at: '2026-05-03T12:01:00Z' });
const RENEWED = notification({ created_at: '2026-05-03T12:02:00Z' });

async function notified(): Promise<{ hand: ClassroomByHand; model: NotificationsModel }> {
  const hand = new ClassroomByHand();
  const model = new NotificationsModel(hand.classroom, () => undefined);
  void model.refresh();
  await hand.answer('notifications', [notification()]);
  assert.equal(model.unread, 1);
  return { hand, model };
}

test('a list that was asked for before "mark as read" does not make it unread again', async () => {
  const { hand, model } = await notified();
  await hand.needRefresh();
  void model.markRead(notification());
  await hand.answer('readNotification', READ);
  await hand.answer('notifications', [notification()]);
  assert.equal(model.unread, 0);
  // It is asked for once more, since it may tell of others.
  await hand.answer('notifications', [READ]);
  assert.equal(model.unread, 0);
  assert.deepEqual(hand.waiting, []);
});

test('a list that was asked for before a notification came does not take it away', async () => {
  const hand = new ClassroomByHand();
  const model = new NotificationsModel(hand.classroom, () => undefined);
  void model.refresh();
  await hand.tell('notification.created', notification());
  await hand.answer('notifications', []);
  assert.equal(model.unread, 1);
  await hand.answer('notifications', [notification()]);
  assert.equal(model.unread, 1);
});

test('what was renewed meanwhile stays unread, whether marking the old one worked or not', async () => {
  for (const worked of [true, false]) {
    const { hand, model } = await notified();
    void model.markRead(notification());
    await hand.tell('notification.created', RENEWED);
    const question = hand.question('readNotification');
    if (worked) {
      question.answer(READ);
    } else {
      question.refuse(new ApiError('away', 'away', 502));
    }
    await settle();
    assert.deepEqual(model.items, [RENEWED]);
  }
});

test('what could not be marked as read is unread again', async () => {
  const { hand, model } = await notified();
  void model.markRead(notification());
  assert.equal(model.unread, 0);
  hand.question('readNotification').refuse(new ApiError('away', 'away', 502));
  await settle();
  assert.equal(model.unread, 1);
});

test('an event of gained XP is not undone by a profile from before it', async () => {
  const hand = new ClassroomByHand();
  const model = new RewardsModel(hand.classroom);
  void model.refresh();
  await hand.tell('rewards.updated', { enabled: true, xp: 125, gained: null, level_up: false });
  await hand.answer('rewards', { enabled: true, xp: 0 });
  assert.equal(model.profile?.xp, 125);
  await hand.answer('rewards', { enabled: true, xp: 125 });
  assert.equal(model.profile.xp, 125);
});

test('the last of two quick choices stays, on the page and in the service', async () => {
  const hand = new ClassroomByHand();
  const model = new RewardsModel(hand.classroom);
  const shown = { leaderboard_visible: true, pseudonym: null };
  const hidden = { leaderboard_visible: false, pseudonym: null };
  void model.setPreferences(hidden);
  void model.setPreferences(shown);
  await settle();
  assert.deepEqual(hand.waiting, ['setRewardPreferences']);
  await hand.answer('setRewardPreferences', hidden);
  assert.deepEqual(model.preferences, shown);
  hand.question('setRewardPreferences').refuse(new ApiError('away', 'away', 502));
  await settle();
  // What the service has, not what was never stored.
  assert.deepEqual(model.preferences, hidden);
});

const course = (slug: string): object => ({ course: { slug }, units: [], continue: null });

test('a course that was chosen stays chosen when the other one’s outline comes late', async context => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const hand = new ClassroomByHand();
  const model = new OutlineModel(hand.classroom, null);
  const courses = [{ slug: 'one' }, { slug: 'two' }];
  void model.refresh();
  await hand.answer('courses', courses);
  const late = hand.question('outline');
  void model.choose('two');
  await settle();
  late.answer(course('one'));
  await settle();
  assert.equal(model.course, 'two');
  // Both ask for the chosen one now.
  await hand.answer('courses', courses);
  await hand.answer('courses', courses);
  const both = [hand.question('outline'), hand.question('outline')];
  for (const question of both) {
    assert.equal(question.asked[0], 'two');
    question.answer(course('two'));
    await settle();
  }
  assert.equal(model.outline?.course.slug, 'two');
  assert.deepEqual(hand.waiting, []);
});

test('a failure does not put off what was to be loaded sooner', async context => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const hand = new ClassroomByHand();
  const model = new OutlineModel(hand.classroom, null);
  void model.refresh();
  model.refreshSoon();
  hand.question('courses').refuse(new ApiError('away', 'away', 502));
  await settle();
  context.mock.timers.tick(250);
  assert.deepEqual(hand.waiting, ['courses']);
});

const AWAY = new ApiError('away', 'classroom_unreachable', 502);

test('a lesson that could not be opened for want of a connection is told as that only until it is back', async context => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const hand = new ClassroomByHand();
  const model = new OutlineModel(hand.classroom, null);
  const told = (): string | undefined => model.note?.text;
  model.tellFailure(AWAY);
  assert.equal(told(), 'away');
  context.mock.timers.tick(15_000);
  await settle();
  hand.question('courses').refuse(AWAY);
  await settle();
  assert.equal(told(), 'away');
  context.mock.timers.tick(15_000);
  await hand.answer('courses', []);
  assert.equal(told(), undefined);
  // Nor is a sign-in that has run out, once somebody is signed in again.
  model.tellFailure(new ApiError('You are signed out.', 'forbidden', 403));
  void model.refresh(true);
  await hand.answer('courses', []);
  assert.equal(told(), undefined);
  // What the classroom itself has said stays until it is read.
  model.tellFailure(new ApiError('It is locked.', 'lesson_locked', 403));
  void model.refresh(true);
  await hand.answer('courses', []);
  assert.equal(told(), 'It is locked.');
});

test('a leaderboard that could not be read is read when the classroom is back', async context => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const hand = new ClassroomByHand();
  const model = new RewardsModel(hand.classroom);
  void model.openPage();
  for (const name of ['rewards', 'leaderboard', 'rewardPreferences']) {
    hand.question(name).refuse(AWAY);
  }
  await settle();
  assert.equal(model.boardError, 'away');
  await hand.needRefresh();
  await hand.answer('rewards', { enabled: true });
  await hand.answer('leaderboard', { entries: [] });
  await hand.answer('rewardPreferences', { visible: true });
  assert.equal(model.boardError, null);
  assert.deepEqual(model.preferences, { visible: true });
  await hand.needRefresh();
  assert.deepEqual(hand.waiting, ['rewards']);
});

const REVIEWED = { id: 'a1', course: 'python', lesson: 'loops' } as Attempt;

test('a review that is there does not go back to being written', async () => {
  const hand = new ClassroomByHand();
  const submissions = { shown: REVIEWED, changed: new ClassroomByHand().classroom.changed };
  const model = new ReviewModel(
    hand.classroom,
    submissions as unknown as ISubmissions,
    {} as ILessons
  );
  model.setVisible(true);
  // The model learns of the shown attempt by the panel's change.
  (submissions.changed as unknown as { emit: () => void }).emit();
  await settle();
  const early = hand.question('review');
  await hand.tell('ai_review.updated', { submission_id: 'a1', status: 'completed' });
  await hand.answer('review', { status: 'completed' });
  early.answer({ status: 'processing' });
  await settle();
  assert.equal(model.review?.status, 'completed');
  assert.equal(model.loading, false);
});

test('nobody asks for a review in place of one that could not be read; it is read when the classroom is back', async () => {
  const hand = new ClassroomByHand();
  const submissions = { shown: REVIEWED, changed: new ClassroomByHand().classroom.changed };
  const model = new ReviewModel(
    hand.classroom,
    submissions as unknown as ISubmissions,
    {} as ILessons
  );
  model.setVisible(true);
  (submissions.changed as unknown as { emit: () => void }).emit();
  await settle();
  hand.question('review').refuse(AWAY);
  await settle();
  assert.equal(model.error, 'away');
  assert.equal(model.known, false);
  await hand.needRefresh();
  await hand.answer('review', { status: 'complete' });
  assert.equal(model.known, true);
  assert.equal(model.error, null);
  await hand.needRefresh();
  assert.deepEqual(hand.waiting, []);
});

const LOOPS: LessonPlace = { course: 'python', lesson: 'loops', notebook: 'loops', release: 1 };
const NAMES: LessonPlace = { ...LOOPS, lesson: 'names', notebook: 'names' };

function attempt(changes: Partial<Attempt> = {}): Attempt {
  return {
    id: 'a1',
    course: 'python',
    lesson: 'loops',
    number: 1,
    status: 'running',
    submitted_at: '2026-05-03T12:00:00Z',
    report: null,
    tests: [],
    ...changes
  } as unknown as Attempt;
}

const GRADED = attempt({ status: 'graded', report: { tests: [] } as unknown as Attempt['report'] });

function waitingItem(changes: Partial<OutboxItem> = {}): OutboxItem {
  return {
    idempotency_key: 'k1',
    course: 'python',
    lesson: 'loops',
    created_at: '2026-05-03T12:00:00Z',
    state: 'waiting',
    message: '',
    ...changes
  };
}

interface Desk {
  hand: ClassroomByHand;
  model: SubmissionsModel;
  submit: (place: LessonPlace) => void;
}

/** The results of a lesson, loaded; `submit` presses the button in a saved notebook without tests. */
async function desk(attempts: Attempt[]): Promise<Desk> {
  const hand = new ClassroomByHand();
  let asked: LessonPlace = LOOPS;
  const lessons = {
    changed: hand.classroom.changed,
    lesson: () => null,
    placeOf: () => asked,
    refresh: () => undefined
  } as unknown as ILessons;
  const model = new SubmissionsModel(hand.classroom, lessons);
  void model.setPlace(LOOPS);
  await hand.answer('attempts', attempts);
  await hand.answer('outbox', []);
  const panel = {
    model: { dirty: false },
    context: { localPath: 'n.ipynb' },
    content: { widgets: [] }
  };
  return {
    hand,
    model,
    submit: place => {
      asked = place;
      void model.submit(panel as unknown as Parameters<SubmissionsModel['submit']>[0]);
    }
  };
}

test('a verdict is not undone by a list from before it', async () => {
  const { hand, model } = await desk([attempt()]);
  void model.refresh();
  await hand.tell('submission.updated', GRADED);
  await hand.answer('attempts', [attempt()]);
  assert.equal(model.shown?.status, 'graded');
  await hand.answer('attempts', [GRADED]);
  assert.equal(model.shown.status, 'graded');
});

test('grades that were taken back do not come back with a report that was on its way', async () => {
  const final = { score: 1 } as unknown as Attempt['final'];
  const hand = new ClassroomByHand();
  const lessons = { changed: hand.classroom.changed, lesson: () => null } as unknown as ILessons;
  const model = new SubmissionsModel(hand.classroom, lessons);
  void model.setPlace(LOOPS);
  await hand.answer('attempts', [{ ...GRADED, report: null, final }]);
  await hand.tell('grades.updated', { ...LOOPS, attempt_id: 'a1', final: null });
  await hand.answer('attempt', { ...GRADED, final });
  assert.equal(model.shown?.final, null);
  assert.deepEqual(model.shown.report, GRADED.report);
});

test('what has left the outbox is not shown as waiting by an older look into it', async () => {
  const { hand, model } = await desk([]);
  void model.refresh();
  await hand.answer('attempts', []);
  await hand.tell('outbox.updated', { ...waitingItem(), state: 'sent', attempt: attempt() });
  await hand.answer('outbox', [waitingItem()]);
  await hand.answer('outbox', []);
  assert.equal(model.pending, null);
  assert.equal(model.shown?.id, 'a1');
});

test('a look into the outbox leaves a press that is being sent to its own reply', async context => {
  context.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const { hand, model, submit } = await desk([]);
  submit(LOOPS);
  await settle();
  const { pending } = model;
  void model.refresh();
  await hand.answer('attempts', []);
  await hand.answer('outbox', [waitingItem({ idempotency_key: pending?.key ?? '' })]);
  assert.equal(model.pending, pending);
  hand.question('submit').refuse(new ApiError('Too late.', 'closed', 403));
  await settle();
  assert.equal(model.pending?.stage, 'refused');
});

test('a reply that says "waiting" after the sending itself is not waited with for ever', async context => {
  context.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const { hand, model, submit } = await desk([]);
  submit(LOOPS);
  await settle();
  const key = model.pending?.key ?? '';
  await hand.tell('outbox.updated', {
    ...waitingItem({ idempotency_key: key }),
    state: 'sent',
    attempt: GRADED
  });
  await hand.answer('submit', { state: 'waiting', idempotency_key: key, message: 'Later.' });
  await hand.answer('outbox', []);
  assert.equal(model.pending, null);
  assert.equal(model.shown?.status, 'graded');
});

test('an attempt that was handed in is not put into the list of the lesson that is in front by then', async context => {
  context.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const { hand, model, submit } = await desk([]);
  submit(LOOPS);
  await settle();
  void model.setPlace(NAMES);
  await hand.answer('attempts', []);
  await hand.answer('outbox', []);
  await hand.answer('submit', attempt());
  assert.deepEqual(model.attempts, []);
});

test('an event that comes before the reply of Submit is not undone by it', async context => {
  context.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const { hand, model, submit } = await desk([]);
  submit(LOOPS);
  await settle();
  await hand.tell('submission.updated', attempt({ status: 'running' }));
  await hand.answer('submit', attempt({ status: 'queued' }));
  assert.equal(model.pending, null);
  assert.equal(model.shown?.status, 'running');
});

test('what another lesson’s questions bring late is left out', async () => {
  const { hand, model } = await desk([attempt()]);
  void model.refresh();
  void model.setPlace(NAMES);
  const [late, own] = [hand.question('attempts'), hand.question('attempts')];
  own.answer([attempt({ id: 'b1', lesson: 'names' })]);
  await settle();
  late.answer([attempt()]);
  await settle();
  assert.equal(model.shown?.id, 'b1');
  await hand.answer('outbox', [waitingItem()]);
  assert.equal(model.pending, null);
});
