import type { TestStatus } from '../api/staff';
import { STATUSES, type AttemptStatus } from '../navigation/addresses';

import { Icon, type Shape } from './icons';

type Tone = 'passed' | 'failed' | 'waiting' | 'quiet' | 'brand';

interface Look {
  shape: Shape;
  tone: Tone;
  words: string;
}

const ATTEMPT: Record<AttemptStatus, Look> = {
  queued: { shape: 'clock', tone: 'waiting', words: 'Waiting' },
  running: { shape: 'dot', tone: 'brand', words: 'Being graded' },
  graded: { shape: 'check', tone: 'quiet', words: 'Graded' },
  needs_manual: { shape: 'person', tone: 'waiting', words: 'To grade by hand' },
  refused: { shape: 'stop', tone: 'failed', words: 'Refused' },
  internal_error: { shape: 'warning', tone: 'failed', words: 'Grading failed' }
};

const TEST: Record<TestStatus, Look> = {
  passed: { shape: 'check', tone: 'passed', words: 'Passed' },
  partial: { shape: 'partial', tone: 'waiting', words: 'Partly right' },
  failed: { shape: 'cross', tone: 'failed', words: 'Failed' },
  error: { shape: 'cross', tone: 'failed', words: 'Stopped with an error' },
  timed_out: { shape: 'clock', tone: 'failed', words: 'Took too long' },
  memory_exceeded: { shape: 'warning', tone: 'failed', words: 'Needed too much memory' },
  not_run: { shape: 'ring', tone: 'quiet', words: 'Not run' },
  needs_manual: { shape: 'person', tone: 'waiting', words: 'By hand' }
};

/** A status of the API's as one that these pages know; a newer service may have more. */
export function attemptStatus(status: string): AttemptStatus | null {
  return STATUSES.find(known => known === status) ?? null;
}

export const attemptStatusWords = (status: AttemptStatus): string => ATTEMPT[status].words;

function Mark(props: Look): React.JSX.Element {
  return (
    <span className={`mark ${props.tone}`}>
      <Icon shape={props.shape} />
      <span>{props.words}</span>
    </span>
  );
}

/** Where an attempt stands, as a drawing with its word: a graded one says whether it passed. */
export function AttemptMark(props: { status: string; passed: boolean | null }): React.JSX.Element {
  const known = attemptStatus(props.status);
  if (known === null) {
    return <Mark shape="ring" tone="quiet" words={props.status.replaceAll('_', ' ')} />;
  }
  if (known === 'graded' && props.passed !== null) {
    return props.passed ? (
      <Mark shape="check" tone="passed" words="Passed" />
    ) : (
      <Mark shape="cross" tone="failed" words="Not passed" />
    );
  }
  return <Mark {...ATTEMPT[known]} />;
}

export function TestMark(props: { status: TestStatus }): React.JSX.Element {
  return <Mark {...TEST[props.status]} />;
}

export function FlagMark(): React.JSX.Element {
  return <Mark shape="flag" tone="waiting" words="Flagged" />;
}

export function LateMark(): React.JSX.Element {
  return <Mark shape="clock" tone="waiting" words="Late" />;
}
