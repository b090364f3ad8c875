import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookActions } from '@jupyterlab/notebook';

import { IRenderMimeRegistry } from '@jupyterlab/rendermime';

import type { ReviewSuggestion } from '../api/types';
import { IClassroom } from '../classroom/tokens';
import { reviewIcon } from '../components/icons';
import { type CellTarget, ILessons } from '../courses/tokens';
import { ISubmissions } from '../submissions/tokens';
import { splitTestId } from '../submissions/verdict';
import { ReviewModel } from './model';
import { ReviewPanel } from './panel';

/** Asking for a review of an attempt and reading it beside the notebook. */
export const reviewPlugin: JupyterFrontEndPlugin<void> = {
  id: 'studyhall:ai-review',
  description: 'Reviews of attempts, beside the notebook.',
  autoStart: true,
  requires: [IClassroom, ILessons, ISubmissions, INotebookTracker, IRenderMimeRegistry],
  optional: [ICommandPalette, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    classroom: IClassroom,
    lessons: ILessons,
    submissions: ISubmissions,
    notebooks: INotebookTracker,
    rendermime: IRenderMimeRegistry,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null
  ): void => {
    const { trans } = classroom;
    const model = new ReviewModel(classroom, submissions, lessons);

    const target = (notebook: string | null, cell: string): CellTarget | null => {
      const attempt = submissions.shown;
      if (!attempt) {
        return null;
      }
      const known = attempt.tests[0];
      return {
        course: attempt.course,
        lesson: attempt.lesson,
        notebook: notebook ?? (known ? splitTestId(known.id).notebook : ''),
        cells: [cell]
      };
    };
    const tryOut = async (suggestion: ReviewSuggestion): Promise<void> => {
      const place = target(suggestion.notebook, suggestion.cell_id);
      if (!place || !(await lessons.goToCell(place))) {
        return;
      }
      const widget = notebooks.currentWidget;
      if (widget) {
        NotebookActions.insertBelow(widget.content);
        widget.content.activeCell?.model.sharedModel.setSource(suggestion.suggested_code);
        widget.content.mode = 'edit';
      }
    };
    const panel = new ReviewPanel(
      model,
      {
        goTo: ({ notebook, cell, lineStart, lineEnd }) => {
          const place = target(notebook, cell);
          if (place) {
            const lines =
              lineStart === null ? {} : { lines: { start: lineStart, end: lineEnd ?? lineStart } };
            void lessons.goToCell({ ...place, ...lines });
          }
        },
        tryOut: suggestion => void tryOut(suggestion)
      },
      rendermime
    );
    panel.title.icon = reviewIcon;
    panel.title.caption = trans.__('Review of an attempt');
    app.shell.add(panel, 'right', { rank: 91 });
    restorer?.add(panel, panel.id);

    const command = 'studyhall:show-review';
    app.commands.addCommand(command, {
      label: trans.__('Show Review'),
      describedBy: { args: null },
      execute: () => app.shell.activateById(panel.id)
    });
    palette?.addItem({ command, category: trans.__('Studyhall') });
  }
};
