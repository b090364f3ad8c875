// What a regrade is doing and what it would change, in words: pure functions.

import type { Regrade } from '../api/staff';
import { countText, numberText } from '../components/figures';

import { unchangedWords } from './unchanged';

const UNDECIDED = ['queued', 'running', 'ready', 'stuck'];

/** Whether a regrade still waits for a decision, or works towards one. */
export function isUndecided(run: Regrade): boolean {
  return UNDECIDED.includes(run.status);
}

/** Where a regrade stands. */
export function stateWords(run: Regrade): string {
  switch (run.status) {
    case 'queued':
      return 'Waiting to begin';
    case 'running':
      return `${numberText(run.graded)} of ${countText(run.total, 'attempt', 'attempts')} graded again`;
    case 'ready':
      return 'Ready: nothing has changed for learners yet';
    case 'stuck':
      return 'Stopped: its job was given up on. Queue it again under Dead letters, or discard this regrade';
    case 'confirmed':
      return `Confirmed by ${run.decided_by ?? 'somebody'}`;
    case 'discarded':
      return `Discarded by ${run.decided_by ?? 'somebody'}`;
    default:
      return run.status.replaceAll('_', ' ');
  }
}

/** What it changes, as one sentence. */
export function changeWords(run: Regrade): string {
  if (run.changed === 0) {
    return unchangedWords(run);
  }
  const parts = [
    `${numberText(run.raised)} higher`,
    `${numberText(run.lowered)} lower`,
    ...(run.now_passed > 0 ? [`${numberText(run.now_passed)} now passed`] : []),
    ...(run.no_longer_passed > 0 ? [`${numberText(run.no_longer_passed)} no longer passed`] : [])
  ];
  const what =
    run.status === 'confirmed'
      ? countText(run.changed, 'attempt changed', 'attempts changed')
      : run.status === 'discarded'
        ? countText(run.changed, 'attempt would have changed', 'attempts would have changed')
        : countText(run.changed, 'attempt changes', 'attempts change');
  return `${what}: ${parts.join(', ')}.`;
}

/** A change in percent points with its sign; a minus is a minus, not a hyphen. */
export function pointsWords(change: number): string {
  const size = numberText(Math.abs(change));
  return change > 0 ? `+${size}` : change < 0 ? `−${size}` : '0';
}
