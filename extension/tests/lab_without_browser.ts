// What models take from Lab, without the widgets beside it: Lab's own messages, and its model as it is.

import { Signal } from '@lumino/signaling';

export { Notification } from '@jupyterlab/apputils/lib/notification';

export class VDomModel {
  readonly stateChanged = new Signal<this, void>(this);
  isDisposed = false;
  dispose(): void {
    this.isDisposed = true;
    Signal.clearData(this);
  }
}

export { VDomModel as CodeCell };
export const NotebookActions = {};
