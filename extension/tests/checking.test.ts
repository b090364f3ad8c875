// What a check shows while it runs, and how it ends: done, stopped, interrupted, or without a kernel.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Signal } from '@lumino/signaling';
import { nullTranslator } from '@jupyterlab/translation';

import type { CheckState } from '../src/submissions/check';
import { Checking } from '../src/submissions/checking';
import { settle } from './classroom_by_hand';
import { CodeCell, NotebookActions } from './lab_without_browser';

const PLACE = { course: 'python', lesson: 'loops', notebook: 'loops', release: 1 };
const OTHER = { course: 'python', lesson: 'values', notebook: 'values', release: 1 };

type Panel = Parameters<Checking['run']>[0];

const DONE = { status: 'ok', execution_count: 3 };
const ENDED = { status: 'error', ename: 'KeyboardInterrupt', evalue: '', traceback: [] };

function cell(source: string, nbgrader: object | null): CodeCell {
  const model = {
    getMetadata: (name: string) => (name === 'nbgrader' ? nbgrader : undefined),
    sharedModel: { getSource: () => source },
    executionCount: null,
    isDirty: true,
    outputs: { length: 0 }
  };
  return Object.assign(new CodeCell(), { model });
}

const testCell = (name: string): CodeCell =>
  cell(`assert ${name}`, { grade_id: name, grade: true, solution: false, points: 1 });

interface Desk {
  checking: Checking;
  panel: Panel;
  /** What the kernel was asked and has not answered yet. */
  asked: { code: string; answer: (content: object) => Promise<void> }[];
  /** Cells that run and are not done yet. */
  running: (() => Promise<void>)[];
  interrupts: { count: number };
  closed: Signal<object, void>;
}

function desk({ hasKernel = true } = {}): Desk {
  const asked: Desk['asked'] = [];
  const running: Desk['running'] = [];
  const interrupts = { count: 0 };
  const kernel = {
    requestExecute: ({ code }: { code: string }) => ({
      done: new Promise(resolve => {
        asked.push({
          code,
          answer: content => {
            resolve({ content });
            return settle();
          }
        });
      })
    }),
    interrupt: () => {
      interrupts.count += 1;
      return Promise.reject(new Error('The kernel does not answer.'));
    }
  };
  Object.assign(NotebookActions, {
    runCells: () =>
      new Promise<boolean>(resolve => {
        running.push(() => {
          resolve(true);
          return settle();
        });
      })
  });
  const closed = new Signal<object, void>({});
  const panel = {
    disposed: closed,
    content: { widgets: [cell('x = 1', null), testCell('one'), testCell('two')] },
    sessionContext: {
      ready: Promise.resolve(),
      session: hasKernel ? { kernel } : null
    }
  } as unknown as Panel;
  const checking = new Checking(nullTranslator.load('studyhall'), () => undefined);
  return { checking, panel, asked, running, interrupts, closed };
}

const shownBy = ({ checking }: Desk): CheckState | null => checking.shown;

const statuses = ({ checking }: Desk): string[] =>
  (checking.shown?.results ?? []).map(({ status }) => status);

test('all tests are shown at once, and how far it is with cells and tests', async () => {
  const found = desk();
  const { checking, panel, asked, running } = found;
  void checking.run(panel, PLACE);
  await settle();
  assert.deepEqual(statuses(found), ['waiting', 'waiting']);
  assert.equal(shownBy(found)?.progress.cells, null);
  await asked.shift()?.answer(DONE);
  assert.deepEqual(shownBy(found)?.progress.cells, { done: 0, total: 1 });
  await running.shift()?.();
  assert.deepEqual(shownBy(found)?.progress.cells, { done: 1, total: 1 });
  await asked.shift()?.answer(DONE);
  assert.deepEqual(statuses(found), ['passed', 'waiting']);
  assert.deepEqual(shownBy(found)?.progress.tests, { done: 1, total: 2 });
  await asked.shift()?.answer({ ...ENDED, ename: 'AssertionError' });
  assert.deepEqual(statuses(found), ['passed', 'failed']);
  assert.equal(shownBy(found)?.finished, true);
  assert.equal(checking.isRunning, false);
});

test('a second press while one runs is none', async () => {
  const { checking, panel, asked } = desk();
  void checking.run(panel, PLACE);
  await checking.run(panel, PLACE);
  await checking.run(panel, OTHER);
  await settle();
  assert.equal(asked.length, 1);
  assert.ok(checking.isRunningIn(PLACE) && !checking.isRunningIn(OTHER));
});

test('one that waits for an endless loop is stopped at once, and the kernel interrupted', async () => {
  const found = desk();
  const { checking, panel, asked, running, interrupts } = found;
  void checking.run(panel, PLACE);
  await settle();
  await asked.shift()?.answer(DONE);
  assert.equal(running.length, 1);
  checking.stop();
  await settle();
  assert.equal(interrupts.count, 1);
  assert.equal(checking.isRunning, false);
  assert.equal(shownBy(found)?.stopped, true);
  assert.match(shownBy(found)?.message ?? '', /stopped/);
  assert.deepEqual(statuses(found), []);
  // The next press begins anew.
  void checking.run(panel, PLACE);
  await settle();
  assert.equal(asked.length, 1);
});

test('interrupting the kernel ends the check too, and runs no further test', async () => {
  const found = desk();
  const { checking, panel, asked, running } = found;
  void checking.run(panel, PLACE);
  await settle();
  await asked.shift()?.answer(DONE);
  await running.shift()?.();
  await asked.shift()?.answer(ENDED);
  assert.equal(shownBy(found)?.stopped, true);
  assert.equal(asked.length, 0);
});

test('closing the notebook ends its check', async () => {
  const { checking, panel, interrupts, closed } = desk();
  void checking.run(panel, PLACE);
  await settle();
  closed.emit();
  await settle();
  assert.equal(checking.isRunning, false);
  assert.equal(interrupts.count, 0);
});

test('without a kernel it says so', async () => {
  const found = desk({ hasKernel: false });
  const { checking, panel } = found;
  await checking.run(panel, PLACE);
  assert.match(shownBy(found)?.message ?? '', /no running kernel/);
  assert.equal(shownBy(found)?.stopped, false);
});

test('who comes back to a lesson sees the check that still runs there', async () => {
  const found = desk();
  const { checking, panel } = found;
  void checking.run(panel, PLACE);
  await settle();
  checking.follow(OTHER);
  assert.deepEqual(statuses(found), []);
  checking.follow(PLACE);
  assert.deepEqual(statuses(found), ['waiting', 'waiting']);
});
