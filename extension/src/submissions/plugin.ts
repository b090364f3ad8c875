import {
  ILabShell,
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { MessageLoop } from '@lumino/messaging';

import { IClassroom } from '../classroom/tokens';
import { resultIcon } from '../components/icons';
import { ILessons } from '../courses/tokens';
import { SubmissionsModel } from './model';
import { ResultPanel } from './panel';
import { makeRoom } from './room';
import { ISubmissions } from './tokens';
import { LessonToolbar } from './toolbar';

/** Check, Submit and the result panel. */
export const submissionsPlugin: JupyterFrontEndPlugin<ISubmissions> = {
  id: 'studyhall:submissions',
  description: 'Checking and submitting lessons, and their results.',
  autoStart: true,
  provides: ISubmissions,
  requires: [IClassroom, ILessons, INotebookTracker, IRenderMimeRegistry],
  optional: [ICommandPalette, ILayoutRestorer, ILabShell],
  activate: (
    app: JupyterFrontEnd,
    classroom: IClassroom,
    lessons: ILessons,
    notebooks: INotebookTracker,
    rendermime: IRenderMimeRegistry,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    lab: ILabShell | null
  ): ISubmissions => {
    const { trans } = classroom;
    const model = new SubmissionsModel(classroom, lessons);
    const actions = {
      goToCell: (cell: { notebook: string; cells: string[] }): void => {
        const place = model.place;
        if (place) {
          const { course, lesson } = place;
          const notebook = cell.notebook || place.notebook;
          void lessons.goToCell({ course, lesson, notebook, cells: cell.cells });
        }
      },
      showReview: (): void => void app.commands.execute('studyhall:show-review')
    };
    const panel = new ResultPanel(model, actions, rendermime);
    panel.title.icon = resultIcon;
    panel.title.caption = trans.__('Results');
    app.shell.add(panel, 'right', { rank: 90 });
    restorer?.add(panel, panel.id);

    const keepReadable = (): void => {
      if (lab && panel.isVisible) {
        // Lab lays its panels out in messages that are still waiting; only then is the width the one that is seen.
        MessageLoop.flush();
        makeRoom(lab);
      }
    };
    void app.restored.then(keepReadable);
    const keepReadableSoon = (): void => void requestAnimationFrame(keepReadable);
    window.addEventListener('resize', keepReadableSoon);
    MessageLoop.installMessageHook(panel, (_, message) => {
      if (message.type === 'after-show') {
        keepReadableSoon();
      }
      return true;
    });

    const current = (): NotebookPanel | null => {
      const widget = notebooks.currentWidget;
      return widget && lessons.placeOf(widget) ? widget : null;
    };
    const follow = (): void => {
      const widget = current();
      void model.setPlace(widget ? lessons.placeOf(widget) : null);
      app.commands.notifyCommandChanged('studyhall:check');
      app.commands.notifyCommandChanged('studyhall:submit');
    };
    const decorate = async (widget: NotebookPanel): Promise<void> => {
      await widget.context.ready;
      const place = widget.isDisposed ? null : lessons.placeOf(widget);
      if (!place) {
        return;
      }
      const toolbar = new LessonToolbar(model, place, {
        check: () => void app.commands.execute('studyhall:check'),
        hasKeyboard: () => current() === widget && widget.node.contains(document.activeElement),
        beginSubmit: () => model.saving.begin(widget),
        submit: () => void app.commands.execute('studyhall:submit')
      });
      widget.toolbar.insertItem(0, 'studyhall', toolbar);
      follow();
    };
    notebooks.forEach(widget => void decorate(widget));
    notebooks.widgetAdded.connect((_, widget) => void decorate(widget));
    notebooks.currentChanged.connect(follow);

    let wasChecking = false;
    model.changed.connect(() => {
      if (model.checks.isRunning !== wasChecking) {
        wasChecking = model.checks.isRunning;
        app.commands.notifyCommandChanged('studyhall:check');
      }
    });

    const onLesson = (act: (widget: NotebookPanel) => Promise<void>) => async (): Promise<void> => {
      const widget = current();
      if (widget) {
        const acting = act(widget);
        // Both lay the whole page out, so what is asked of the server goes first, and a panel in sight is left alone.
        if (!panel.isVisible) {
          app.shell.activateById(panel.id);
          // The notebook keeps the keyboard: the panel speaks through its live region.
          app.shell.activateById(widget.id);
        }
        await acting;
      }
    };
    const commands = {
      'studyhall:check': {
        label: trans.__('Check This Lesson'),
        caption: trans.__('Run the visible tests here, without submitting'),
        isEnabled: () => current() !== null && !model.checks.isRunning,
        execute: onLesson(widget => model.runCheck(widget))
      },
      'studyhall:submit': {
        label: trans.__('Submit This Lesson'),
        caption: trans.__('Save and hand in this lesson'),
        isEnabled: () => current() !== null,
        execute: onLesson(widget => model.submit(widget))
      },
      'studyhall:show-results': {
        label: trans.__('Show Results'),
        execute: () => app.shell.activateById(panel.id)
      }
    };
    for (const [command, options] of Object.entries(commands)) {
      app.commands.addCommand(command, { describedBy: { args: null }, ...options });
      palette?.addItem({ command, category: trans.__('Studyhall') });
    }
    return model;
  }
};
