// What a cell of the gradebook says, and where a key leads from it: pure functions.

import type { GradebookCell } from '../api/grading';

/** How much of the points a cell has, from 0 to 1; null where there is nothing to shade. */
export function heatOf(cell: Pick<GradebookCell, 'score' | 'max_score'>): number | null {
  if (cell.score === null || cell.max_score <= 0) {
    return null;
  }
  return Math.min(1, Math.max(0, cell.score / cell.max_score));
}

const STATE_WORDS: Record<string, string> = {
  missing: 'nothing handed in',
  queued: 'being graded',
  graded: 'graded',
  needs_grading: 'to be graded by hand',
  problem: 'could not be graded'
};

/** Everything that a cell shows, in words. */
export function cellWords(cell: GradebookCell, number: (value: number) => string): string {
  const parts = [
    cell.score === null
      ? (STATE_WORDS[cell.state] ?? cell.state.replaceAll('_', ' '))
      : `${number(cell.score)} of ${number(cell.max_score)}`
  ];
  if (cell.score !== null && cell.state !== 'graded') {
    parts.push(STATE_WORDS[cell.state] ?? cell.state.replaceAll('_', ' '));
  }
  if (cell.late) {
    parts.push(cell.penalty > 0 ? `late, ${number(cell.penalty)} points taken` : 'late');
  }
  if (cell.manual) {
    parts.push('graded by a person');
  }
  if (cell.extension) {
    parts.push('has an extension');
  }
  if (cell.attempts > 1) {
    parts.push(`${number(cell.attempts)} attempts`);
  }
  return parts.join(', ');
}

export interface Spot {
  row: number;
  column: number;
}

/** Where a key leads in a table of so many rows and columns; null when the key is for something else. */
export function spotAfter(
  spot: Spot,
  key: string,
  size: { rows: number; columns: number },
  options: { withControl: boolean; rightToLeft: boolean }
): Spot | null {
  const last = { row: size.rows - 1, column: size.columns - 1 };
  const forward = options.rightToLeft ? -1 : 1;
  const clamp = (value: number, most: number): number => Math.min(most, Math.max(0, value));
  const at = (row: number, column: number): Spot => ({
    row: clamp(row, last.row),
    column: clamp(column, last.column)
  });
  switch (key) {
    case 'ArrowDown':
      return at(spot.row + 1, spot.column);
    case 'ArrowUp':
      return at(spot.row - 1, spot.column);
    case 'ArrowRight':
      return at(spot.row, spot.column + forward);
    case 'ArrowLeft':
      return at(spot.row, spot.column - forward);
    case 'PageDown':
      return at(spot.row + 10, spot.column);
    case 'PageUp':
      return at(spot.row - 10, spot.column);
    case 'Home':
      return at(options.withControl ? 0 : spot.row, 0);
    case 'End':
      return at(options.withControl ? last.row : spot.row, last.column);
    default:
      return null;
  }
}
