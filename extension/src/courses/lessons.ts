import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import type { Cell } from '@jupyterlab/cells';
import { PathExt } from '@jupyterlab/coreutils';
import type { IDocumentManager } from '@jupyterlab/docmanager';
import { type INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { Signal } from '@lumino/signaling';

import type { OpenedFile, OpenedLesson, OutlineLesson } from '../api/types';
import type { IClassroom } from '../classroom/tokens';
import type { OutlineModel } from './model';
import { gradeMetadata, placeFromMetadata, stemOf } from './place';
import type { CellTarget, ILessons, LessonPlace } from './tokens';

/** Opens lessons and finds the way between a lesson, its notebooks and their cells. */
export class Lessons implements ILessons {
  readonly changed: Signal<ILessons, void> = new Signal<ILessons, void>(this);

  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _classroom: IClassroom,
    private readonly _documents: IDocumentManager,
    private readonly _notebooks: INotebookTracker,
    private readonly _model: OutlineModel
  ) {
    _model.stateChanged.connect(() => this.changed.emit());
  }

  placeOf(panel: NotebookPanel): LessonPlace | null {
    const place = placeFromMetadata(panel.model?.getMetadata('studyhall'));
    if (place) {
      return place;
    }
    const known = this._folders.get(PathExt.dirname(panel.context.localPath));
    return known ? { ...known, notebook: stemOf(panel.context.localPath) } : null;
  }

  lesson(course: string, lesson: string): OutlineLesson | null {
    return this._model.lesson(course, lesson);
  }

  refresh(): void {
    this._model.refreshSoon();
  }

  async open(course: string, lesson: string, notebook?: string): Promise<NotebookPanel | null> {
    const { trans } = this._classroom;
    const row = this.lesson(course, lesson);
    if (row?.state === 'locked') {
      const reason = row.locked_reason ?? trans.__('It opens later.');
      this._model.tell(trans.__('“%1” is still locked: %2', row.title, reason));
      return null;
    }
    const opened = await this._fetch(course, lesson, false);
    if (!opened) {
      return null;
    }
    const path = notebook
      ? PathExt.join(PathExt.dirname(opened.path), `${notebook}.ipynb`)
      : opened.path;
    return this._show(path);
  }

  /** Fetches what a newer release brings; changed files stay, and new versions are put beside them. */
  async update(course: string, lesson: string): Promise<void> {
    const here: NotebookPanel[] = [];
    this._notebooks.forEach(panel => {
      const place = this.placeOf(panel);
      if (place?.course === course && place.lesson === lesson) {
        here.push(panel);
      }
    });
    // What is only in the browser is work as well: the disk has to know it before it is compared.
    const unsaved = here.filter(panel => panel.model?.dirty);
    await Promise.all(unsaved.map(panel => panel.context.save()));
    const opened = await this._fetch(course, lesson, true);
    if (!opened) {
      return;
    }
    const folder = PathExt.dirname(opened.path);
    const updated = new Set(
      opened.files
        .filter(file => file.status === 'updated')
        .map(file => PathExt.join(folder, file.path))
    );
    const stale = here.filter(panel => updated.has(panel.context.localPath));
    await Promise.all(stale.map(panel => panel.context.revert()));
    await this._show(opened.path);
  }

  async goToCell(target: CellTarget): Promise<boolean> {
    const panel =
      this._findOpen(target) ?? (await this.open(target.course, target.lesson, target.notebook));
    if (!panel) {
      return false;
    }
    this._app.shell.activateById(panel.id);
    await panel.revealed;
    const cell = this._findCell(panel, target.cells);
    if (!cell) {
      Notification.warning(
        this._classroom.trans.__('That cell is not in your notebook any more.'),
        { autoClose: 5000 }
      );
      return false;
    }
    const notebook = panel.content;
    notebook.deselectAll();
    notebook.activeCellIndex = notebook.widgets.indexOf(cell);
    await notebook.scrollToCell(cell, 'center');
    await cell.ready;
    if (target.lines && cell.editor) {
      notebook.mode = 'edit';
      const last = cell.editor.lineCount - 1;
      const start = Math.min(last, Math.max(0, target.lines.start - 1));
      const end = Math.min(last, Math.max(start, target.lines.end - 1));
      cell.editor.focus();
      cell.editor.setSelection({
        start: { line: start, column: 0 },
        end: { line: end, column: cell.editor.getLine(end)?.length ?? 0 }
      });
      cell.editor.revealSelection({
        start: { line: start, column: 0 },
        end: { line: end, column: 0 }
      });
    } else {
      notebook.mode = 'command';
      cell.node.focus({ preventScroll: true });
    }
    this._pointOut(cell);
    return true;
  }

  private async _fetch(
    course: string,
    lesson: string,
    update: boolean
  ): Promise<OpenedLesson | null> {
    this._model.setOpening(lesson);
    try {
      const opened = await this._classroom.api.openLesson(course, lesson, update);
      this._folders.set(PathExt.dirname(opened.path), {
        course,
        lesson,
        notebook: stemOf(opened.path),
        release: opened.release
      });
      this._tellAbout(opened, update);
      void this._model.refresh(true);
      return opened;
    } catch (reason) {
      this._model.tellFailure(reason);
      return null;
    } finally {
      this._model.setOpening(null);
    }
  }

  /** Says what became of the learner's own changes; the usual "nothing changed" only in passing. */
  private _tellAbout(opened: OpenedLesson, update: boolean): void {
    const has = (status: OpenedFile['status']): boolean =>
      opened.files.some(file => file.status === status);
    if (has('beside') || update) {
      this._model.tell(opened.message || null);
    } else {
      this._model.tell(has('kept') ? opened.message || null : null, true);
    }
  }

  private async _show(path: string): Promise<NotebookPanel | null> {
    const widget = this._documents.openOrReveal(path);
    if (!(widget instanceof NotebookPanel)) {
      return null;
    }
    await widget.context.ready;
    await widget.revealed;
    return widget;
  }

  private _findOpen(target: CellTarget): NotebookPanel | null {
    return (
      this._notebooks.find(panel => {
        const place = this.placeOf(panel);
        return (
          place?.course === target.course &&
          place.lesson === target.lesson &&
          (place.notebook === target.notebook ||
            stemOf(panel.context.localPath) === target.notebook)
        );
      }) ?? null
    );
  }

  private _findCell(panel: NotebookPanel, names: string[]): Cell | null {
    for (const name of names) {
      const found = panel.content.widgets.find(
        cell => cell.model.id === name || gradeMetadata(cell.model)?.gradeId === name
      );
      if (found) {
        return found;
      }
    }
    return null;
  }

  private _pointOut(cell: Cell): void {
    cell.addClass('sh-mod-pointedOut');
    window.setTimeout(() => {
      if (!cell.isDisposed) {
        cell.removeClass('sh-mod-pointedOut');
      }
    }, 1_600);
  }

  private readonly _folders = new Map<string, LessonPlace>();
}
