import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import { samePlace } from '../courses/place';
import type { LessonPlace } from '../courses/tokens';
import { check, CheckImpossible, type CheckState, CheckStopped, outcomeWords } from './check';

/** The check that runs, of which there is one at a time, and the one that the panel shows. */
export class Checking {
  shown: CheckState | null = null;

  constructor(
    private readonly _trans: TranslationBundle,
    private readonly _changed: () => void
  ) {}

  get isRunning(): boolean {
    return this._running !== null;
  }

  isRunningIn(place: LessonPlace): boolean {
    return this._running !== null && samePlace(this._running.state.place, place);
  }

  /** Runs the visible tests in the notebook's own kernel; a press while one runs already is none. */
  async run(panel: NotebookPanel, place: LessonPlace): Promise<void> {
    if (this._running) {
      return;
    }
    const abort = new AbortController();
    const state: CheckState = {
      place,
      results: [],
      progress: { cells: null, tests: { done: 0, total: 0 } },
      finished: false,
      stopped: false,
      message: ''
    };
    this._running = { state, panel, abort };
    this.shown = state;
    // A notebook that is closed answers nothing any more.
    const close = (): void => abort.abort();
    panel.disposed.connect(close);
    this._changed();
    try {
      await check(
        panel,
        outcome => outcomeWords(outcome, this._trans),
        (results, progress) => {
          Object.assign(state, { results, progress });
          this._changed();
        },
        abort.signal
      );
    } catch (reason) {
      state.stopped = reason instanceof CheckStopped;
      state.message = this._wordsFor(reason);
      // What did not get its turn says nothing.
      state.results = state.results.filter(
        ({ status }) => status !== 'waiting' && status !== 'on_submit'
      );
    } finally {
      panel.disposed.disconnect(close);
      state.finished = true;
      this._running = null;
      this._changed();
    }
  }

  /** Ends the check at once, and what the kernel runs for it. */
  stop(): void {
    const running = this._running;
    if (running) {
      // A kernel that cannot be interrupted is no reason to go on waiting for it.
      running.panel.sessionContext.session?.kernel?.interrupt().catch(() => undefined);
      running.abort.abort();
    }
  }

  /** Takes it off the panel; one that runs goes on, and is seen again when its lesson is. */
  close(): void {
    this.shown = null;
  }

  /** Shows what belongs to the lesson in front: the check that still runs there, or none. */
  follow(place: LessonPlace): void {
    this.shown = this.isRunningIn(place) ? (this._running?.state ?? null) : null;
  }

  private _wordsFor(reason: unknown): string {
    if (reason instanceof CheckStopped) {
      return this._trans.__(
        'The check was stopped before it was done. If your code runs without an end, mend it; then check again.'
      );
    }
    return reason instanceof CheckImpossible
      ? this._trans.__(
          'This notebook has no running kernel. Choose one at the top right, then check again.'
        )
      : this._trans.__('The check could not finish. Restart the kernel, then check again.');
  }

  private _running: { state: CheckState; panel: NotebookPanel; abort: AbortController } | null =
    null;
}
