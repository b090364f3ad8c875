import {
  Dialog,
  type ISessionContextDialogs,
  SessionContextDialogs,
  showDialog
} from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Questions } from './model';

/** The questions as Lab's dialogs. The harmless answer is the one that Enter gives. */
export function dialogs(
  trans: TranslationBundle,
  kernels: ISessionContextDialogs | null
): Questions {
  return {
    offerSandbox: async () => {
      const { button } = await showDialog({
        title: trans.__('Run this notebook in the sandbox?'),
        body: trans.__(
          'This is a learner’s work, so it has no kernel on your server. The sandbox runs the whole notebook ' +
            'from the top and puts the outputs into this view.'
        ),
        buttons: [
          Dialog.cancelButton({ label: trans.__('Cancel') }),
          Dialog.okButton({ label: trans.__('Run in the sandbox') })
        ]
      });
      return button.accept;
    },
    confirmKernel: async () => {
      const { button } = await showDialog({
        title: trans.__('Run a learner’s code on your server?'),
        body: trans.__(
          'It would run as you. It could read your files and other learners’ work, use your sign-in as staff, ' +
            'and change grades in your name. In the sandbox it can do none of this.'
        ),
        buttons: [
          Dialog.cancelButton({ label: trans.__('Cancel') }),
          Dialog.warnButton({ label: trans.__('Open with a kernel') })
        ],
        defaultButton: 0
      });
      return button.accept;
    },
    selectKernel: session => (kernels ?? new SessionContextDialogs()).selectKernel(session)
  };
}
