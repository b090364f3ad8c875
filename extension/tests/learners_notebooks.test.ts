import assert from 'node:assert/strict';
import test from 'node:test';

import type { CellEnding, ExecutedCell } from '../src/api/learners_notebooks';
import { beforeConsoles, beforeKernel, Hold } from '../src/learners_notebooks/hold';
import {
  duration,
  failuresOf,
  looksSubmitted,
  outputsOf,
  strippedNotebook
} from '../src/learners_notebooks/outcome';

const trans = { __: (text: string): string => text };

function ran(ending: CellEnding | null, ...outputs: Record<string, unknown>[]): ExecutedCell {
  return { outputs, execution_count: 1, ending };
}

const RAISED = { output_type: 'error', ename: 'NameError', evalue: 'x\nmore', traceback: [] };

test('only what the judge needs goes out', () => {
  const sent = strippedNotebook({
    nbformat: 4,
    nbformat_minor: 5,
    metadata: { kernelspec: { name: 'python3', display_name: 'P' }, widgets: {}, orig_nbformat: 4 },
    cells: [
      {
        cell_type: 'code',
        source: ['a = 1\n', 'a'],
        metadata: { trusted: true, nbgrader: { grade_id: 'a' } },
        outputs: [RAISED],
        execution_count: 3
      },
      { cell_type: 'markdown', source: 'text', metadata: {}, attachments: { 'p.png': {} } }
    ]
  });
  assert.deepEqual(sent.cells, [
    { cell_type: 'code', source: 'a = 1\na', metadata: { nbgrader: { grade_id: 'a' } } },
    { cell_type: 'markdown', source: 'text', metadata: {} }
  ]);
  assert.deepEqual(sent.metadata, { kernelspec: { name: 'python3', display_name: 'P' } });
});

test('each cell that did not end well is told, in words', () => {
  const cells = ['1', 'text', 'x', 'while True: pass', ' ', 'left out'];
  const sent = {
    nbformat: 4,
    nbformat_minor: 4,
    metadata: {},
    cells: cells.map(source => ({
      cell_type: source === 'text' ? 'markdown' : 'code',
      source,
      metadata: {}
    }))
  };
  const failures = failuresOf(
    sent,
    [ran('finished'), null, ran('raised', RAISED), ran('timed_out', RAISED), ran(null), ran(null)],
    trans
  );
  assert.deepEqual(failures, [
    { index: 2, text: 'NameError: x' },
    { index: 3, text: 'This cell did not end in time and was stopped.' },
    { index: 5, text: 'This cell was left out of the run.' }
  ]);
});

test('a cell that was stopped says so below its outputs', () => {
  assert.deepEqual(outputsOf(ran('raised', RAISED), trans), [RAISED]);
  const shown = outputsOf(ran('died', { output_type: 'stream', name: 'stdout', text: 'a' }), trans);
  assert.deepEqual(
    shown.map(output => output.output_type),
    ['stream', 'error']
  );
  assert.deepEqual(outputsOf(ran(null), trans), []);
});

test('seconds are told for people', () => {
  assert.deepEqual([0, 0.04, 0.44, 9.96, 12.4, 59.6, 125].map(duration), [
    '0 s',
    '0.1 s',
    '0.4 s',
    '10 s',
    '12 s',
    '1 min 0 s',
    '2 min 5 s'
  ]);
});

test('without an answer the folder speaks', () => {
  assert.equal(looksSubmitted('kitchen/submitted/lea/bread/n.ipynb'), true);
  assert.equal(looksSubmitted('kitchen/autograded/lea/bread/n.ipynb'), true);
  assert.equal(looksSubmitted('kitchen/source/bread/submitted'), false);
});

/** Lab's session as far as kernels are concerned. */
class Session {
  started: string[] = [];
  initialized = 0;
  kernelPreference = { shouldStart: true, autoStartDefault: true };
  session = null;
  get prevKernelName(): string {
    return this.started.at(-1) ?? '';
  }
  initialize(): Promise<boolean> {
    this.initialized += 1;
    return Promise.resolve(false);
  }
  startKernel(): Promise<boolean> {
    this.started.push('default');
    return Promise.resolve(false);
  }
  restartKernel(): Promise<void> {
    this.started.push('again');
    return Promise.resolve();
  }
  changeKernel(options: { name?: string } = {}): Promise<null> {
    this.started.push(options.name ?? '');
    return Promise.resolve(null);
  }
  shutdown(): Promise<void> {
    return Promise.resolve();
  }
}

function held(confirmed: boolean): { session: Session; hold: Hold; said: string[] } {
  const session = new Session();
  const said: string[] = [];
  const hold = new Hold(session, {
    offer: () => said.push('offer'),
    confirm: () => {
      said.push('confirm');
      return Promise.resolve(confirmed);
    }
  });
  hold.hold();
  return { session, hold, said };
}

test('a held session starts no kernel, whichever way it is asked to', async () => {
  const { session, said } = held(false);
  assert.equal(session.kernelPreference.shouldStart, false);
  // Lab shows no error of this name: the offer has said what there is to say.
  const quiet = /^KernelReplyNotOK/;
  await assert.rejects(session.startKernel(), { message: quiet });
  await assert.rejects(session.restartKernel(), { message: quiet });
  // What Lab's "restart and run all" does without a kernel.
  await assert.rejects(session.changeKernel({ name: session.prevKernelName }), { message: quiet });
  assert.equal(await session.changeKernel({ name: 'python3' }), null);
  assert.deepEqual(said, ['offer', 'offer', 'offer', 'confirm']);
  assert.deepEqual(session.started, []);
});

test('a kernel that was confirmed starts, and the session is as any other', async () => {
  const { session, hold, said } = held(true);
  await session.changeKernel({ name: 'python3' });
  await session.restartKernel();
  await session.startKernel();
  assert.deepEqual(session.started, ['python3', 'again', 'default']);
  assert.deepEqual(said, ['confirm']);
  assert.equal(session.prevKernelName, 'default');
  assert.equal(session.kernelPreference.shouldStart, true);
  hold.hold();
  await assert.rejects(session.startKernel());
});

test('a kernel waits for the decision, and only once', async () => {
  const session = new Session();
  let decide: () => void = () => undefined;
  let asked = 0;
  beforeKernel(session, () => {
    asked += 1;
    return new Promise<void>(resolve => (decide = resolve));
  });
  const opening = session.initialize();
  const again = session.initialize();
  await Promise.resolve();
  assert.equal(session.initialized, 0);
  decide();
  await Promise.all([opening, again]);
  assert.deepEqual([asked, session.initialized], [1, 2]);
});

test('no console is opened beside a held notebook', async () => {
  const executed: string[] = [];
  const commands = {
    execute: (id: string, args: { path?: string } = {}): Promise<unknown> => {
      executed.push(`${id} ${args.path ?? ''}`);
      return Promise.resolve(id);
    }
  };
  beforeConsoles(commands, path => Promise.resolve(path === 'held.ipynb'));
  for (const id of ['console:create', 'console:open']) {
    assert.equal(await commands.execute(id, { path: 'held.ipynb' }), null);
  }
  assert.deepEqual(executed, []);
  assert.equal(await commands.execute('console:create', { path: 'own.ipynb' }), 'console:create');
  await commands.execute('console:create');
  await commands.execute('docmanager:open', { path: 'held.ipynb' });
  assert.deepEqual(executed, [
    'console:create own.ipynb',
    'console:create ',
    'docmanager:open held.ipynb'
  ]);
});
