// Which cell a grader sees first, and which one comes next: pure functions.

import type { GradedCell } from '../api/grading';

type Cell = Pick<GradedCell, 'test_id' | 'needs_grading' | 'kind'>;

/** The cell that an attempt opens with: the one asked for, else the first that waits, else the first by hand. */
export function firstCell<Known extends Cell>(cells: Known[], asked: string): Known | undefined {
  return (
    cells.find(cell => cell.test_id === asked) ??
    cells.find(cell => cell.needs_grading) ??
    cells.find(cell => cell.kind === 'manual') ??
    cells[0]
  );
}

/** The next cell that waits after this one, going round; none when this was the last to wait. */
export function nextWaiting<Known extends Cell>(cells: Known[], after: string): Known | undefined {
  const at = cells.findIndex(cell => cell.test_id === after);
  return [...cells.slice(at + 1), ...cells.slice(0, Math.max(0, at))].find(
    cell => cell.needs_grading && cell.test_id !== after
  );
}

/** The cell so many places away; none beyond the ends. */
export function cellBeside<Known extends Cell>(
  cells: Known[],
  from: string,
  by: 1 | -1
): Known | undefined {
  const at = cells.findIndex(cell => cell.test_id === from);
  return at < 0 ? undefined : cells[at + by];
}
