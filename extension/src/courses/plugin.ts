import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IStateDB } from '@jupyterlab/statedb';

import { IClassroom } from '../classroom/tokens';
import { studyhallIcon } from '../components/icons';
import { Lessons } from './lessons';
import { OutlineModel } from './model';
import { OutlinePanel } from './outline';
import { lessonAskedFor, withoutLesson } from './place';
import { ILessons } from './tokens';

const WELCOMED_KEY = 'studyhall:welcomed';

/** The course outline in the left sidebar, and everything that opens a lesson. */
export const coursesPlugin: JupyterFrontEndPlugin<ILessons> = {
  id: 'studyhall:courses',
  description: 'The course outline: lessons, their state, and opening them.',
  autoStart: true,
  provides: ILessons,
  requires: [IClassroom, IDocumentManager, INotebookTracker],
  optional: [ICommandPalette, ILayoutRestorer, IStateDB],
  activate: (
    app: JupyterFrontEnd,
    classroom: IClassroom,
    documents: IDocumentManager,
    notebooks: INotebookTracker,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    state: IStateDB | null
  ): ILessons => {
    const { trans } = classroom;
    const model = new OutlineModel(classroom, state);
    const lessons = new Lessons(app, classroom, documents, notebooks, model);
    const panel = new OutlinePanel(model, classroom, {
      open: (course, lesson) => void lessons.open(course, lesson),
      update: (course, lesson) => void lessons.update(course, lesson)
    });
    panel.title.icon = studyhallIcon;
    panel.title.caption = trans.__('Course outline');
    app.shell.add(panel, 'left', { rank: 90 });
    restorer?.add(panel, panel.id);

    const commands = {
      'studyhall:show-outline': {
        label: trans.__('Show Course Outline'),
        execute: () => app.shell.activateById(panel.id)
      },
      'studyhall:continue': {
        label: () => {
          const next = model.outline?.continue;
          return next ? trans.__('Continue: %1', next.title) : trans.__('Continue Course');
        },
        isEnabled: () => Boolean(model.outline?.continue),
        execute: async () => {
          const outline = model.outline;
          if (outline?.continue) {
            await lessons.open(outline.course.slug, outline.continue.lesson);
          }
        }
      },
      'studyhall:refresh': {
        label: trans.__('Refresh Lessons'),
        execute: () => model.refresh()
      }
    };
    for (const [command, options] of Object.entries(commands)) {
      app.commands.addCommand(command, { describedBy: { args: null }, ...options });
      palette?.addItem({ command, category: trans.__('Studyhall') });
    }
    model.stateChanged.connect(() => app.commands.notifyCommandChanged('studyhall:continue'));

    void app.restored.then(async () => {
      const asked = lessonAskedFor(window.location.search);
      if (asked) {
        // Once: whoever loads the page again goes on with what is open then.
        window.history.replaceState(null, '', withoutLesson(window.location.href));
        app.shell.activateById(panel.id);
        await model.choose(asked.course);
        await lessons.open(asked.course, asked.lesson);
        await state?.save(WELCOMED_KEY, true);
        return;
      }
      void model.refresh();
      // A learner's first look at Lab should be their lessons; later their own layout counts.
      if (state && !(await state.fetch(WELCOMED_KEY))) {
        app.shell.activateById(panel.id);
        await state.save(WELCOMED_KEY, true);
      }
    });
    return lessons;
  }
};
