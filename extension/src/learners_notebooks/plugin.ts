import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, ISessionContextDialogs } from '@jupyterlab/apputils';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import { INotebookTracker, type INotebookModel, type NotebookPanel } from '@jupyterlab/notebook';

import { LearnersNotebooksApi, type LearnersWork } from '../api/learners_notebooks';
import { Transport } from '../api/request';
import { IClassroom } from '../classroom/tokens';
import { placeFromMetadata } from '../courses/place';
import { Banner } from './banner';
import { beforeConsoles, beforeKernel } from './hold';
import { LearnersNotebook } from './model';
import { looksSubmitted } from './outcome';
import { dialogs } from './questions';

type Context = DocumentRegistry.IContext<INotebookModel>;

const RUN = 'studyhall:run-in-sandbox';
const WITH_KERNEL = 'studyhall:open-with-kernel';

/** On a grader's server: learners' notebooks open without a kernel and run in the judge's sandbox. */
export const learnersNotebooksPlugin: JupyterFrontEndPlugin<void> = {
  id: 'studyhall:learners-notebooks',
  description: 'Learners’ notebooks on a grader’s server: without a kernel, run in the sandbox.',
  autoStart: true,
  requires: [IClassroom, INotebookTracker],
  optional: [ICommandPalette, ISessionContextDialogs],
  activate: (
    app: JupyterFrontEnd,
    classroom: IClassroom,
    notebooks: INotebookTracker,
    palette: ICommandPalette | null,
    kernels: ISessionContextDialogs | null
  ): void => {
    const { trans } = classroom;
    const api = new LearnersNotebooksApi(new Transport(app.serviceManager.serverSettings, trans));
    const questions = dialogs(trans, kernels);
    const known = new WeakMap<Context, Promise<LearnersNotebook | null>>();
    const open = new WeakMap<NotebookPanel, LearnersNotebook>();
    // For learners this is all that ever happens.
    const isLearner = api.look().then(
      ({ staff }) => staff === false,
      () => false
    );

    const recognise = async (context: Context): Promise<LearnersWork | null> => {
      if (await isLearner) {
        return null;
      }
      await context.ready;
      const place = placeFromMetadata(context.model.getMetadata('studyhall'));
      const { course, lesson, notebook } = place ?? {};
      const ours = Object.fromEntries(
        Object.entries({ course, lesson, notebook }).filter(([, value]) => value)
      ) as Record<string, string>;
      try {
        return (await api.recognise(context.localPath, ours)).work;
      } catch {
        // One's own server does not say: then its folder counts, so that nothing runs for want of an answer.
        return looksSubmitted(context.localPath)
          ? { course: '', student: '', assignment: '', notebook: '' }
          : null;
      }
    };

    const watch = (panel: NotebookPanel, context: Context): void => {
      let found = known.get(context);
      if (!found) {
        let settle: (value: LearnersNotebook | null) => void = () => undefined;
        found = new Promise(resolve => (settle = resolve));
        known.set(context, found);
        beforeKernel(context.sessionContext, async () => {
          const work = await recognise(context);
          settle(
            work && !context.isDisposed
              ? new LearnersNotebook(context, work, api, trans, questions)
              : null
          );
        });
      }
      void found.then(model => {
        if (model && !panel.isDisposed) {
          open.set(panel, model);
          panel.contentHeader.addWidget(
            new Banner(model, {
              goToCell: index => {
                panel.content.activeCellIndex = index;
                void panel.content.scrollToItem(index);
                panel.content.activate();
              }
            })
          );
          panel.addClass('sh-mod-learners');
          refresh();
          model.stateChanged.connect(refresh);
        }
      });
    };
    const refresh = (): void => {
      app.commands.notifyCommandChanged(RUN);
      app.commands.notifyCommandChanged(WITH_KERNEL);
    };
    const current = (): LearnersNotebook | null => {
      const panel = notebooks.currentWidget;
      return (panel && open.get(panel)) ?? null;
    };

    app.docRegistry.addWidgetExtension('Notebook', {
      createNew: (panel: NotebookPanel, context: Context) => watch(panel, context)
    });
    notebooks.currentChanged.connect(refresh);
    beforeConsoles(app.commands, async path => {
      const panel = notebooks.find(({ context }) => context.path === path);
      const model = panel && (await known.get(panel.context));
      return model?.offerInstead() ?? false;
    });

    const commands = {
      [RUN]: {
        label: trans.__('Run This Learner’s Notebook in the Sandbox'),
        isEnabled: () => current()?.busy === false,
        execute: () => current()?.run()
      },
      [WITH_KERNEL]: {
        label: trans.__('Open This Learner’s Notebook with a Kernel…'),
        isEnabled: () => current()?.hasKernel === false,
        execute: () => current()?.openWithKernel()
      }
    };
    for (const [command, options] of Object.entries(commands)) {
      app.commands.addCommand(command, { describedBy: { args: null }, ...options });
      palette?.addItem({ command, category: trans.__('Studyhall') });
    }
  }
};
