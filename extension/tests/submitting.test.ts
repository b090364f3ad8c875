// What a press of Submit waits for: the notebook is saved once, from the moment that the button is down.

import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';

import { ServerConnection } from '@jupyterlab/services';

import type { ILessons } from '../src/courses/tokens';
import { SubmissionsModel } from '../src/submissions/model';
import { ClassroomByHand, settle } from './classroom_by_hand';

const PLACE = { course: 'python', lesson: 'loops', notebook: 'loops' };

type Panel = Parameters<SubmissionsModel['submit']>[0];

interface Desk {
  hand: ClassroomByHand;
  model: SubmissionsModel;
  panel: Panel;
  /** Every save so far, with how it ends. */
  saves: { done: () => void; fail: (reason?: Error) => void }[];
  notebook: { dirty: boolean };
}

function desk(context: TestContext): Desk {
  context.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const hand = new ClassroomByHand();
  const saves: Desk['saves'] = [];
  const notebook = { dirty: true };
  const panel = {
    model: notebook,
    content: { widgets: [] },
    context: {
      localPath: 'python/loops/loops.ipynb',
      save: (): Promise<void> =>
        new Promise((resolve, reject) => {
          saves.push({
            done: () => {
              notebook.dirty = false;
              resolve();
            },
            fail: (reason = new Error('the disk is full')) => {
              reject(reason);
            }
          });
        })
    }
  } as unknown as Panel;
  const lessons = {
    changed: hand.classroom.changed,
    lesson: () => null,
    placeOf: () => PLACE,
    refresh: () => undefined
  } as unknown as ILessons;
  return { hand, model: new SubmissionsModel(hand.classroom, lessons), panel, saves, notebook };
}

test('a press is sent after the save that began with it, and saves no second time', async context => {
  const { hand, model, panel, saves } = desk(context);
  model.saving.begin(panel);
  void model.submit(panel);
  await settle();
  assert.equal(saves.length, 1);
  assert.ok(!hand.waiting.includes('submit'));
  saves[0]?.done();
  await settle();
  assert.equal(saves.length, 1);
  assert.ok(hand.waiting.includes('submit'));
});

test('what was typed after the button went down is saved as well', async context => {
  const { hand, model, panel, saves, notebook } = desk(context);
  model.saving.begin(panel);
  saves[0]?.done();
  await settle();
  notebook.dirty = true;
  void model.submit(panel);
  await settle();
  assert.equal(saves.length, 2);
  assert.ok(!hand.waiting.includes('submit'));
  saves[1]?.done();
  await settle();
  assert.ok(hand.waiting.includes('submit'));
});

test('nothing is sent when the save that began with the press fails, and the next press saves again', async context => {
  const { hand, model, panel, saves } = desk(context);
  model.saving.begin(panel);
  void model.submit(panel);
  saves[0]?.fail();
  await settle();
  assert.equal(model.pending?.stage, 'failed');
  assert.ok(!hand.waiting.includes('submit'));
  context.mock.timers.tick(1_000);
  await settle();
  model.saving.begin(panel);
  assert.equal(saves.length, 2);
});

test('whose server does not answer is told that the changes are only in the window', async context => {
  const { model, panel, saves } = desk(context);
  void model.submit(panel);
  saves[0]?.fail(new TypeError('Failed to fetch'));
  await settle();
  assert.match(model.pending?.message ?? '', /server does not answer.*Keep this window open/);
  context.mock.timers.tick(1_000);
  await settle();
  void model.submit(panel);
  saves[1]?.fail();
  await settle();
  assert.match(model.pending?.message ?? '', /Save it, then submit again/);
});

test('who is signed out is told so, and to sign in elsewhere: loading the page anew would lose their changes', async context => {
  const { model, panel, saves } = desk(context);
  void model.submit(panel);
  const forbidden = new Response('', { status: 403 });
  saves[0]?.fail(new ServerConnection.ResponseError(forbidden));
  await settle();
  assert.match(model.pending?.message ?? '', /signed out.*Sign in again in a new tab/);
});

test('a button that goes down twice begins one save', context => {
  const { model, panel, saves } = desk(context);
  model.saving.begin(panel);
  model.saving.begin(panel);
  assert.equal(saves.length, 1);
});

test('a notebook without changes is not saved', async context => {
  const { hand, model, panel, saves, notebook } = desk(context);
  notebook.dirty = false;
  model.saving.begin(panel);
  void model.submit(panel);
  await settle();
  assert.equal(saves.length, 0);
  assert.ok(hand.waiting.includes('submit'));
});
