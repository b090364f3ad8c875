import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { Cell } from '@jupyterlab/cells';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { PanelLayout } from '@lumino/widgets';

import { IClassroom } from '../classroom/tokens';
import { ILessons } from '../courses/tokens';
import { QuizCard } from './card';
import { QuizModel } from './model';

/** The quiz that a markdown cell stands for; null for any other cell. */
function quizOf(cell: Cell): string | null {
  if (cell.model.type !== 'markdown') {
    return null;
  }
  const own: unknown = cell.model.getMetadata('studyhall');
  const id = (own as { quiz?: { id?: unknown } } | null | undefined)?.quiz?.id;
  return typeof id === 'string' ? id : null;
}

/** Draws quiz cells as cards. */
export const quizzesPlugin: JupyterFrontEndPlugin<void> = {
  id: 'studyhall:quizzes',
  description: 'Draws the quiz cells of a lesson as cards.',
  autoStart: true,
  requires: [IClassroom, ILessons, INotebookTracker, IRenderMimeRegistry],
  activate: (
    _app: JupyterFrontEnd,
    classroom: IClassroom,
    lessons: ILessons,
    notebooks: INotebookTracker,
    rendermime: IRenderMimeRegistry
  ): void => {
    const models = new Map<string, QuizModel>();
    const drawn = new WeakSet<Cell>();

    const modelOf = (course: string, id: string): QuizModel => {
      const key = `${course}/${id}`;
      const known = models.get(key);
      if (known) {
        return known;
      }
      const model = new QuizModel(classroom, id, course);
      models.set(key, model);
      void model.load();
      return model;
    };

    const draw = async (cell: Cell, course: string): Promise<void> => {
      const id = quizOf(cell);
      if (!id || drawn.has(cell)) {
        return;
      }
      drawn.add(cell);
      await cell.ready;
      if (cell.isDisposed) {
        return;
      }
      const model = modelOf(course, id);
      const card = new QuizCard(model, rendermime);
      // Before the footer; the style sheet hides the rendered markdown while the card has content.
      const layout = cell.layout as PanelLayout;
      layout.insertWidget(layout.widgets.length - 1, card);
      const show = (): void => {
        if (!cell.isDisposed) {
          cell.toggleClass('sh-mod-quiz', model.quiz !== null);
        }
      };
      show();
      model.stateChanged.connect(show);
      cell.disposed.connect(() => model.stateChanged.disconnect(show));
    };

    const watch = async (widget: NotebookPanel): Promise<void> => {
      await widget.context.ready;
      const place = widget.isDisposed ? null : lessons.placeOf(widget);
      const cells = widget.model?.cells;
      if (!place || !cells) {
        return;
      }
      const drawAll = (): void => {
        for (const cell of widget.content.widgets) {
          void draw(cell, place.course);
        }
      };
      drawAll();
      // The model tells of a new cell before the notebook has its widget.
      cells.changed.connect(() => window.requestAnimationFrame(drawAll));
    };
    notebooks.forEach(widget => void watch(widget));
    notebooks.widgetAdded.connect((_, widget) => void watch(widget));
  }
};
