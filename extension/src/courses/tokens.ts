import type { NotebookPanel } from '@jupyterlab/notebook';
import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';

import type { OutlineLesson } from '../api/types';

/** Which lesson a notebook belongs to. */
export interface LessonPlace {
  course: string;
  lesson: string;
  /** The notebook's name without its ending, as the release calls it. */
  notebook: string;
  release: number;
}

/** What the other plugins may ask of the course outline. */
export interface ILessons {
  /** The lesson that a notebook belongs to; null for a notebook of the learner's own. */
  placeOf(panel: NotebookPanel): LessonPlace | null;
  /** The outline's row of a lesson, once it has been loaded. */
  lesson(course: string, lesson: string): OutlineLesson | null;
  /** Asks for the outline again: something about a lesson has changed. */
  refresh(): void;
  /** Fetches a lesson into the learner's folder and opens one of its notebooks, by default the first. */
  open(course: string, lesson: string, notebook?: string): Promise<NotebookPanel | null>;
  /** Scrolls to the first of these cells that the notebook has and makes it the active one. */
  goToCell(target: CellTarget): Promise<boolean>;
  readonly changed: ISignal<ILessons, void>;
}

export interface CellTarget {
  course: string;
  lesson: string;
  notebook: string;
  /** nbgrader's names of cells or the notebook's cell ids, best first. */
  cells: string[];
  lines?: { start: number; end: number };
}

export const ILessons = new Token<ILessons>(
  'studyhall:ILessons',
  'The course outline: which lesson a notebook belongs to, and how to get to its cells.'
);
