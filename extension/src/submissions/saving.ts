import type { NotebookPanel } from '@jupyterlab/notebook';

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
