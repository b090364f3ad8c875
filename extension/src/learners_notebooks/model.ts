import type { ISessionContext } from '@jupyterlab/apputils';
import type { ICodeCellModel } from '@jupyterlab/cells';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { INotebookModel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { VDomModel } from '@jupyterlab/ui-components';
import { UUID } from '@lumino/coreutils';

import type {
  BegunRun,
  ExecutedCell,
  LearnersNotebooksApi,
  LearnersWork,
  SandboxRun,
  SentNotebook
} from '../api/learners_notebooks';
import { ApiError } from '../api/request';
import { Hold } from './hold';
import { type Failure, failuresOf, outputsOf, strippedNotebook } from './outcome';

type Context = DocumentRegistry.IContext<INotebookModel>;
type Result = NonNullable<SandboxRun['result']>;

const FIRST_PAUSE = 300;
const LONGEST_PAUSE = 1500;
const MOST_FAILED_QUESTIONS = 20;

export type Stage = 'idle' | 'running' | 'done' | 'failed' | 'cancelled';

/** What a person is asked in a dialog. */
export interface Questions {
  /** After an attempt to run a cell; true: run in the sandbox. */
  offerSandbox(): Promise<boolean>;
  /** True: start a kernel, knowing what that means. */
  confirmKernel(): Promise<boolean>;
  /** Which kernel, where the notebook does not say it. */
  selectKernel(session: ISessionContext): Promise<void>;
}

/** One notebook of a learner, open in one or more views: held without a kernel, and run in the sandbox. */
export class LearnersNotebook extends VDomModel {
  stage: Stage = 'idle';
  /** Why it waits, or why it was not run. */
  message = '';
  failures: Failure[] = [];
  notes: string[] = [];
  leftOut: string[] = [];
  /** Code cells that ran. */
  ran = 0;
  /** Cells that were changed while they ran, and so keep their outputs. */
  changed = 0;
  /** Seconds that the judge took. */
  took = 0;
  startedAt = 0;

  private readonly _hold: Hold;
  private _abort: AbortController | null = null;
  private _asking = false;

  constructor(
    readonly context: Context,
    readonly work: LearnersWork,
    private readonly _api: LearnersNotebooksApi,
    readonly trans: TranslationBundle,
    private readonly _questions: Questions
  ) {
    super();
    this._hold = new Hold(context.sessionContext, {
      offer: () => void this._offer(),
      confirm: () => this._questions.confirmKernel()
    });
    this._hold.hold();
    context.sessionContext.kernelChanged.connect(() => this._kernelChanged());
    context.disposed.connect(() => {
      this._abort?.abort();
      this.dispose();
    });
  }

  get hasKernel(): boolean {
    return Boolean(this.context.sessionContext.session?.kernel);
  }

  get busy(): boolean {
    return this.stage === 'running';
  }

  /** Starts a kernel after a person has confirmed it. */
  async openWithKernel(): Promise<void> {
    if (this._hold.held && (await this._questions.confirmKernel())) {
      this._hold.release();
      if (await this.context.sessionContext.startKernel()) {
        await this._questions.selectKernel(this.context.sessionContext);
      }
      this.stateChanged.emit();
    }
  }

  /** Offers the sandbox to somebody who has tried to run something elsewhere; says whether it is held. */
  offerInstead(): boolean {
    if (this._hold.held) {
      void this._offer();
    }
    return this._hold.held;
  }

  /** Ends the kernel that somebody started, and holds the notebook again. */
  async shutDown(): Promise<void> {
    await this.context.sessionContext.shutdown();
    this._hold.hold();
    this.stateChanged.emit();
  }

  async run(): Promise<void> {
    if (this.busy) {
      return;
    }
    const abort = (this._abort = new AbortController());
    const cells = [...this.context.model.cells];
    const sent = strippedNotebook(this.context.model.sharedModel.toJSON());
    this._begin();
    let begun: BegunRun | null = null;
    try {
      begun = await this._api.run(this.context.path, sent, UUID.uuid4(), abort.signal);
      this.leftOut = begun.left_out;
      const result = await this._result(begun, abort.signal);
      if (!this.isDisposed) {
        this._show(sent, cells as ICodeCellModel[], result);
        this._end('done', '');
      }
    } catch (reason) {
      if (abort.signal.aborted) {
        await this._takeBack(begun);
      } else {
        this._end('failed', this._sentence(reason));
      }
    }
  }

  cancel(): void {
    this._abort?.abort();
  }

  private _begin(): void {
    this.stage = 'running';
    this.message = '';
    this.failures = [];
    this.notes = [];
    this.leftOut = [];
    this.changed = 0;
    this.startedAt = Date.now();
    this.stateChanged.emit();
  }

  private _end(stage: Stage, message: string): void {
    if (!this.isDisposed) {
      this.stage = stage;
      this.message = message;
      this.stateChanged.emit();
    }
  }

  private async _result(begun: BegunRun, signal: AbortSignal): Promise<Result> {
    let pause = FIRST_PAUSE;
    let unanswered = 0;
    for (;;) {
      const told = await this._ask(begun, signal);
      unanswered = told ? 0 : unanswered + 1;
      if (unanswered > MOST_FAILED_QUESTIONS) {
        throw new RunFailed(
          this.trans.__(
            'Studyhall can’t be reached, so nobody knows what became of this run. Try again later.'
          )
        );
      }
      if (told?.status === 'done' && told.result) {
        return told.result;
      }
      if (told?.status === 'failed') {
        throw new RunFailed(told.message);
      }
      const message =
        told?.message ??
        this.trans.__('Studyhall can’t be reached right now. It is asked again by itself.');
      if (message !== this.message) {
        this.message = message;
        this.stateChanged.emit();
      }
      await paused(pause, signal);
      pause = Math.min(pause * 1.3, LONGEST_PAUSE);
    }
  }

  /** Null when the question may well be answered a little later. */
  private async _ask(begun: BegunRun, signal: AbortSignal): Promise<SandboxRun | null> {
    try {
      return await this._api.show(begun, signal);
    } catch (reason) {
      if (reason instanceof ApiError && reason.temporary) {
        return null;
      }
      throw reason;
    }
  }

  /** Puts the outputs into the cells that are still as they were sent. Nothing of them is trusted, nothing is saved. */
  private _show(sent: SentNotebook, cells: ICodeCellModel[], result: Result): void {
    const { model } = this.context;
    const wasDirty = model.dirty;
    const here = new Set<unknown>(model.cells);
    this.ran = 0;
    cells.forEach((cell, index) => {
      const ran: ExecutedCell | null | undefined = result.cells[index];
      const was = sent.cells[index];
      if (!ran || was?.cell_type !== 'code') {
        return;
      }
      this.ran += ran.ending ? 1 : 0;
      if (!here.has(cell) || cell.sharedModel.getSource() !== was.source) {
        this.changed += 1;
        return;
      }
      // Trust goes first: Lab trusts a cell whose outputs were cleared, and would run what now comes in.
      cell.trusted = false;
      cell.deleteMetadata('trusted');
      cell.outputs.fromJSON(outputsOf(ran, this.trans));
      cell.executionCount = ran.execution_count;
    });
    if (!wasDirty) {
      model.dirty = false;
    }
    this.failures = failuresOf(sent, result.cells, this.trans);
    this.notes = result.notes;
    this.took = result.seconds;
  }

  private async _takeBack(begun: BegunRun | null): Promise<void> {
    this._end(
      'cancelled',
      this.trans.__('You have stopped this run. The outputs are as they were.')
    );
    try {
      if (begun) {
        await this._api.cancel(begun);
      }
    } catch {
      // The service forgets it by itself within the hour.
    }
  }

  private _sentence(reason: unknown): string {
    return reason instanceof ApiError || reason instanceof RunFailed
      ? reason.message
      : this.trans.__(
          'This notebook could not be run. Try again; look at it by hand if it stays so.'
        );
  }

  private async _offer(): Promise<void> {
    // "Run all" tries once per cell.
    if (this._asking || this.busy) {
      return;
    }
    this._asking = true;
    try {
      if (await this._questions.offerSandbox()) {
        void this.run();
      }
    } finally {
      this._asking = false;
    }
  }

  private _kernelChanged(): void {
    if (this.hasKernel) {
      // A kernel of this notebook was running already: somebody has confirmed it before.
      this._hold.release();
    } else {
      // It was shut down, here or elsewhere: the next one is asked about again.
      this._hold.hold();
    }
    this.stateChanged.emit();
  }
}

class RunFailed extends Error {}

function paused(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = window.setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => {
      window.clearTimeout(timer);
      reject(new DOMException('Stopped', 'AbortError'));
    });
  });
}
