// What a grader has typed for one cell and not saved yet: pure functions.

import type { Gradable, Given, RubricItem } from '../api/grading';

export interface Draft {
  score: string;
  extra: string;
  comment: string;
  rubric: string[];
  /** The version of the cell that it was begun on. */
  version: number;
}

const textOf = (points: number | null): string => (points === null ? '' : String(points));

/** The draft that changes nothing. */
export function draftOf(
  cell: Pick<Gradable, 'manual_score' | 'extra_credit' | 'comment' | 'rubric_marks' | 'version'>
): Draft {
  return {
    score: textOf(cell.manual_score),
    extra: textOf(cell.extra_credit),
    comment: cell.comment ?? '',
    rubric: [...cell.rubric_marks],
    version: cell.version
  };
}

/** Points as people type them, with a point or a comma; null for none, NaN for what is no number. */
export function pointsOf(text: string): number | null {
  const typed = text.trim().replace(',', '.').replace('−', '-');
  return typed === '' ? null : Number(typed);
}

/** Whether two texts are the same points; what is no number is compared as it was typed. */
function isSamePoints(one: string, other: string): boolean {
  const points = pointsOf(one);
  return Number.isNaN(points) ? one.trim() === other.trim() : points === pointsOf(other);
}

/** Whether two drafts would be saved alike. */
export function isSameDraft(one: Draft, other: Draft): boolean {
  return (
    isSamePoints(one.score, other.score) &&
    isSamePoints(one.extra, other.extra) &&
    one.comment.trim() === other.comment.trim() &&
    [...one.rubric].sort().join(' ') === [...other.rubric].sort().join(' ')
  );
}

/** What somebody has typed, and what was saved when they began or saved last. */
export interface Edits {
  draft: Draft;
  /** Null when the page was loaded anew in between, so that it is not known any more. */
  base: Draft | null;
}

/**
 * What a form shows: what was typed, unless all of it is saved and the saved state has moved on since, as when somebody
 * else changed it or it was taken back.
 */
export function shownOf(edits: Edits | null, saved: Draft): Edits {
  if (edits === null) {
    return { draft: saved, base: saved };
  }
  const { draft, base } = edits;
  if (base === null && isSameDraft(draft, saved)) {
    // It was still being saved when the page was left or loaded anew, and has arrived: nobody else was in between.
    return rebased(draft, saved);
  }
  const isDone = base !== null && isSameDraft(draft, base);
  return isDone && base.version !== saved.version ? { draft: saved, base: saved } : edits;
}

/** What was typed, as it stands on what was just saved: not a character of it is given up. */
export function rebased(draft: Draft, saved: Draft): Edits {
  return { draft: { ...draft, version: saved.version }, base: saved };
}

/** What is wrong with a draft, in a sentence; null when it can be saved. */
export function draftProblem(draft: Draft, most: number): string | null {
  const score = pointsOf(draft.score);
  const extra = pointsOf(draft.extra);
  if (Number.isNaN(score) || Number.isNaN(extra)) {
    return 'Points are a number, such as 3 or 2.5.';
  }
  if (score !== null && score < 0) {
    return 'A score is never below 0.';
  }
  if (score !== null && score > most) {
    return `This question has at most ${most} points. What goes beyond them is extra credit.`;
  }
  return null;
}

/** A draft as the service takes it. */
export function givenOf(draft: Draft): Given {
  return {
    manual_score: pointsOf(draft.score),
    extra_credit: pointsOf(draft.extra),
    comment: draft.comment.trim() === '' ? null : draft.comment.trim(),
    rubric_items: draft.rubric,
    expected_version: draft.version
  };
}

/**
 * The score that rubric marks make: where every item takes points they are taken from all of them, else the items are
 * added up; always between none and all. No mark makes no score.
 */
export function scoreByRubric(
  rubric: Pick<RubricItem, 'id' | 'points'>[],
  marks: string[],
  most: number
): number | null {
  const applied = rubric.filter(item => marks.includes(item.id));
  if (applied.length === 0) {
    return null;
  }
  const start = rubric.every(item => item.points <= 0) ? most : 0;
  const sum = applied.reduce((points, item) => points + item.points, start);
  return Math.round(100 * Math.min(most, Math.max(0, sum))) / 100;
}

/** A draft with a rubric item put on or taken off; the score follows the rubric. */
export function withMark(
  draft: Draft,
  rubric: Pick<RubricItem, 'id' | 'points'>[],
  item: string,
  most: number
): Draft {
  const marks = draft.rubric.includes(item)
    ? draft.rubric.filter(mark => mark !== item)
    : [...draft.rubric, item];
  return { ...draft, rubric: marks, score: textOf(scoreByRubric(rubric, marks, most)) };
}

/** Whether an answer is no longer in a list of those that wait, although something typed for it is not saved yet. */
export function leftWithDraft(
  waiting: readonly { attempt_id: string }[],
  attempt: string,
  draft: Draft | null
): boolean {
  return draft !== null && waiting.every(item => item.attempt_id !== attempt);
}
