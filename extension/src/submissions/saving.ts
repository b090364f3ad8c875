import type { NotebookPanel } from '@jupyterlab/notebook';
import { ServerConnection } from '@jupyterlab/services';

/** Saves a notebook before it is handed in, from the moment that the button goes down. */
export class Saving {
  /** Begins to save what has changed: until the button is up again, most of it is done. */
  begin(panel: NotebookPanel): void {
    if (this._begun || panel.model?.dirty === false) {
      return;
    }
    const begun = { panel, saved: panel.context.save() };
    this._begun = begun;
    const end = (): void => {
      this._begun = null;
    };
    begun.saved.then(end, end);
  }

  /** Returns when everything is saved; rejects when it can't be. */
  async complete(panel: NotebookPanel): Promise<void> {
    if (this._begun?.panel === panel) {
      await this._begun.saved;
    }
    if (panel.model?.dirty !== false) {
      await panel.context.save();
    }
  }

  private _begun: { panel: NotebookPanel; saved: Promise<void> } | null = null;
}

/** Whether a save failed because the learner's server was not reached: no answer at all, or one of what stands before it. */
export function isServerGone(reason: unknown): boolean {
  if (reason instanceof ServerConnection.ResponseError) {
    return [502, 503, 504].includes(reason.response.status);
  }
  return reason instanceof TypeError;
}
