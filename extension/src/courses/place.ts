import type { ICellModel } from '@jupyterlab/cells';

import type { LessonPlace } from './tokens';

/** Reads the lesson from a notebook's `studyhall` metadata; null when it is not a released lesson. */
export function placeFromMetadata(metadata: unknown): LessonPlace | null {
  if (typeof metadata !== 'object' || metadata === null) {
    return null;
  }
  const { course, lesson, notebook, release } = metadata as Record<string, unknown>;
  if (typeof course !== 'string' || typeof lesson !== 'string' || typeof notebook !== 'string') {
    return null;
  }
  return { course, lesson, notebook, release: typeof release === 'number' ? release : 0 };
}

/** Whether both are in the same lesson, in whichever of its notebooks. */
export function samePlace(
  one: { course: string; lesson: string },
  other: LessonPlace | null
): boolean {
  return one.course === other?.course && one.lesson === other.lesson;
}

/** A notebook's file name without folder and ending. */
export function stemOf(path: string): string {
  const name = path.split('/').pop() ?? path;
  return name.replace(/\.ipynb$/, '');
}

/** What nbgrader's metadata say of a cell. */
export interface GradeMetadata {
  gradeId: string;
  grade: boolean;
  solution: boolean;
  points: number;
}

/** nbgrader's metadata of a cell; null for a cell that nbgrader does not know. */
export function gradeMetadata(cell: Pick<ICellModel, 'getMetadata'>): GradeMetadata | null {
  const raw: unknown = cell.getMetadata('nbgrader');
  if (typeof raw !== 'object' || raw === null) {
    return null;
  }
  const { grade_id, grade, solution, points } = raw as Record<string, unknown>;
  if (typeof grade_id !== 'string') {
    return null;
  }
  return {
    gradeId: grade_id,
    grade: grade === true,
    solution: solution === true,
    points: typeof points === 'number' ? points : 0
  };
}

/** Readable words for a test without a title, as the service makes them: `test_mean-of_list` becomes `Mean of list`. */
export function titleFromGradeId(identifier: string): string {
  const words = identifier.replace(/[_-]+/g, ' ').trim();
  const title = words.replace(/^(?:auto)?tests?\s+(?=\S)/i, '') || words || identifier;
  return title.charAt(0).toUpperCase() + title.slice(1);
}

const ASKED = 'studyhall-lesson';

/** The lesson that Lab's address asks for, as links of learning platforms do: `?studyhall-lesson=course/lesson`. */
export function lessonAskedFor(search: string): { course: string; lesson: string } | null {
  const [course, lesson, ...more] = (new URLSearchParams(search).get(ASKED) ?? '').split('/');
  return course && lesson && more.length === 0 ? { course, lesson } : null;
}

/** The same address without the lesson. */
export function withoutLesson(address: string): string {
  const url = new URL(address);
  url.searchParams.delete(ASKED);
  return url.toString();
}
