// What is known of a regrade that has not found a change: of attempts that are not graded again yet, nothing.

import type { Regrade } from '../api/staff';

/** Whether its numbers change by themselves. */
export function isAtWork(run: Regrade): boolean {
  return run.status === 'queued' || run.status === 'running';
}

/** Whether all attempts were graded again. */
export function isComplete(run: Regrade): boolean {
  return (
    run.status === 'ready' ||
    run.status === 'confirmed' ||
    (run.status === 'discarded' && run.graded >= run.total)
  );
}

/** That nothing changes, as one sentence. */
export function unchangedWords(run: Regrade): string {
  if (isComplete(run)) {
    return 'No score changes.';
  }
  if (run.graded > 0) {
    return 'No score changes so far.';
  }
  return isAtWork(run)
    ? 'What would change is shown here as soon as attempts are graded again.'
    : 'No attempt was graded again.';
}
