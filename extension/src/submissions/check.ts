import { type Cell, CodeCell } from '@jupyterlab/cells';
import type { ISessionContext } from '@jupyterlab/apputils';
import { NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';
import type { KernelMessage } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';

import { gradeMetadata, titleFromGradeId } from '../courses/place';
import type { LessonPlace } from '../courses/tokens';
import { asksNothing, failingLine, isBlank } from './python_text';
import type { ResultRow } from './verdict';

/** A test cell of the learner's notebook. */
export interface NotebookTest {
  gradeId: string;
  title: string;
  hint: string;
  points: number;
  /** The tests proper are not in this notebook; they run after submitting. */
  hidden: boolean;
  /** A person grades it; nothing runs, before or after submitting. */
  manual: boolean;
  cell: Cell;
}

export interface CheckResult {
  gradeId: string;
  title: string;
  hint: string;
  points: number;
  status: 'waiting' | 'passed' | 'failed' | 'error' | 'on_submit';
  message: string;
}

/** How far a check is: first the cells that have to run before, then the tests. */
export interface CheckProgress {
  /** Null until the kernel has answered, which it does not while it runs something else. */
  cells: { done: number; total: number } | null;
  tests: { done: number; total: number };
}

/** A check that runs or has run. */
export interface CheckState {
  place: LessonPlace;
  results: CheckResult[];
  progress: CheckProgress;
  finished: boolean;
  stopped: boolean;
  message: string;
}

/** Why the check could not run at all; the message is for the learner. */
export class CheckImpossible extends Error {}

/** The learner has stopped it, or has interrupted the kernel. */
export class CheckStopped extends Error {}

/** The tests that a notebook shows, in their order. */
export function testsOf(panel: NotebookPanel): NotebookTest[] {
  const tests: NotebookTest[] = [];
  for (const cell of panel.content.widgets) {
    const grade = gradeMetadata(cell.model);
    if (!grade?.grade) {
      continue;
    }
    const own: unknown = cell.model.getMetadata('studyhall');
    const test = (own as { test?: { title?: unknown; hint?: unknown } } | null)?.test;
    tests.push({
      gradeId: grade.gradeId,
      title: typeof test?.title === 'string' ? test.title : titleFromGradeId(grade.gradeId),
      hint: typeof test?.hint === 'string' ? test.hint : '',
      points: grade.points,
      hidden:
        !grade.solution &&
        (!(cell instanceof CodeCell) || asksNothing(cell.model.sharedModel.getSource())),
      manual: grade.solution,
      cell
    });
  }
  return tests;
}

/** The rows of a press of Submit before the judge has told its tests. */
export function expectedRows(panel: NotebookPanel, place: LessonPlace): ResultRow[] {
  return testsOf(panel).map(test => ({
    id: `${place.notebook}/${test.gradeId}`,
    title: test.title,
    hidden: test.hidden,
    driven: false,
    points: null,
    maxPoints: test.points,
    status: 'waiting',
    message: '',
    hint: '',
    notebook: place.notebook,
    cells: [test.gradeId]
  }));
}

interface Outcome {
  status: 'passed' | 'failed' | 'error';
  name: string;
  value: string;
  line: string;
  executionCount: number;
}

function outcomeOf(reply: KernelMessage.IExecuteReplyMsg): Outcome {
  const { content } = reply;
  const executionCount = content.execution_count ?? 0;
  if (content.status === 'ok') {
    return { status: 'passed', name: '', value: '', line: '', executionCount };
  }
  if (content.status !== 'error' || !('ename' in content)) {
    return { status: 'error', name: '', value: '', line: '', executionCount };
  }
  return {
    status: content.ename === 'AssertionError' ? 'failed' : 'error',
    name: content.ename,
    value: content.evalue,
    line: failingLine(content.traceback),
    executionCount
  };
}

async function runSilently(context: ISessionContext, code: string): Promise<Outcome> {
  const kernel = context.session?.kernel;
  if (!kernel) {
    throw new CheckImpossible();
  }
  const future = kernel.requestExecute({
    code,
    silent: true,
    store_history: false,
    allow_stdin: false,
    stop_on_error: false
  });
  return outcomeOf(await future.done);
}

/**
 * The code cells that have to run before the tests mean anything: those that this kernel has not
 * seen, and answers that were edited since they ran.
 */
function cellsToRun(panel: NotebookPanel, kernelCount: number, lastTest: Cell): CodeCell[] {
  const widgets = panel.content.widgets;
  return widgets.slice(0, widgets.indexOf(lastTest)).filter((cell): cell is CodeCell => {
    if (!(cell instanceof CodeCell) || isBlank(cell.model.sharedModel.getSource())) {
      return false;
    }
    const grade = gradeMetadata(cell.model);
    if (grade?.grade && !grade.solution) {
      return false;
    }
    const { executionCount, isDirty } = cell.model;
    const unseen = executionCount === null || executionCount > kernelCount;
    return unseen || (grade?.solution === true && isDirty);
  });
}

const INTERRUPTED = 'KeyboardInterrupt';

function wasInterrupted(cell: CodeCell): boolean {
  const { outputs } = cell.model;
  for (let index = 0; index < outputs.length; index += 1) {
    if (outputs.get(index).toJSON().ename === INTERRUPTED) {
      return true;
    }
  }
  return false;
}

/** Waits for something as long as the check is not stopped; a kernel in an endless loop never answers by itself. */
function unlessStopped<Value>(waited: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new CheckStopped());
    if (signal.aborted) {
      stop();
    }
    signal.addEventListener('abort', stop, { once: true });
    waited.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

type Found = Pick<Outcome, 'name' | 'value' | 'line'>;

/** The words for what a learner's visible test found. */
export type CheckWords = (outcome: Found) => string;

/** What a visible test found, in words for the learner. */
export function outcomeWords({ name, value, line }: Found, trans: TranslationBundle): string {
  if (name === 'AssertionError') {
    return value || trans.__('This does not hold yet: %1', line.replace(/^assert\s+/, ''));
  }
  if (name === 'NotImplementedError') {
    return trans.__('This answer is not written yet.');
  }
  if (!name) {
    return trans.__('The test was interrupted. Check again when the kernel is idle.');
  }
  const place = line ? trans.__(' at “%1”', line) : '';
  return trans.__(
    'Your code stopped%1. Python says: %2',
    place,
    value ? `${name}: ${value}` : name
  );
}

/**
 * Runs the visible tests in the notebook's own kernel, after the answers that changed. The tests
 * leave no output and no history behind. Reports every step and result as soon as it is known.
 *
 * @throws CheckImpossible when there is no kernel to run them in.
 * @throws CheckStopped when the signal says so or the kernel was interrupted.
 */
export async function check(
  panel: NotebookPanel,
  words: CheckWords,
  report: (results: CheckResult[], progress: CheckProgress) => void,
  signal: AbortSignal
): Promise<void> {
  const tests = testsOf(panel).filter(test => !test.manual);
  const visible = tests.filter(test => !test.hidden);
  const results = tests.map(({ gradeId, title, hint, points, hidden }): CheckResult => {
    return { gradeId, title, hint, points, status: hidden ? 'on_submit' : 'waiting', message: '' };
  });
  let progress: CheckProgress = { cells: null, tests: { done: 0, total: visible.length } };
  const tell = (next: Partial<CheckProgress>): void => {
    progress = { ...progress, ...next };
    report([...results], progress);
  };
  tell({});
  const last = visible[visible.length - 1];
  if (!last) {
    return;
  }
  await unlessStopped(panel.sessionContext.ready, signal);
  const probe = await unlessStopped(runSilently(panel.sessionContext, ''), signal);
  // The probe's own reply tells how far this kernel has counted: 0 or 1 means that it is fresh.
  const ranSoFar = probe.executionCount <= 1 ? 0 : probe.executionCount;
  const cells = cellsToRun(panel, ranSoFar, last.cell);
  for (const [done, cell] of cells.entries()) {
    tell({ cells: { done, total: cells.length } });
    await unlessStopped(
      NotebookActions.runCells(panel.content, [cell], panel.sessionContext),
      signal
    );
    if (wasInterrupted(cell)) {
      throw new CheckStopped();
    }
  }
  tell({ cells: { done: cells.length, total: cells.length } });
  let ran = 0;
  for (const [index, test] of tests.entries()) {
    const result = results[index];
    if (test.hidden || result === undefined) {
      continue;
    }
    const source = test.cell.model.sharedModel.getSource();
    const outcome = await unlessStopped(runSilently(panel.sessionContext, source), signal);
    if (outcome.name === INTERRUPTED) {
      throw new CheckStopped();
    }
    const message = outcome.status === 'passed' ? '' : words(outcome);
    results[index] = { ...result, status: outcome.status, message };
    ran += 1;
    tell({ tests: { done: ran, total: visible.length } });
  }
}
