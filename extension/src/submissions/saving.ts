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

/** Why a save failed: the learner's server was not reached, it takes them for a stranger, or it could not save. */
export function whySaveFailed(reason: unknown): 'away' | 'signed-out' | 'refused' {
  if (!(reason instanceof ServerConnection.ResponseError)) {
    return reason instanceof TypeError ? 'away' : 'refused';
  }
  const { status } = reason.response;
  // What stands before the server answers for it.
  if ([502, 503, 504].includes(status)) {
    return 'away';
  }
  return status === 401 || status === 403 ? 'signed-out' : 'refused';
}
