import { LabIcon } from '@jupyterlab/ui-components';

import type { LessonState, TestStatus } from '../api/types';

/** Wraps a 24×24 drawing so that Lab colours it like its own sidebar icons. */
function drawn(body: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><g class="jp-icon3" fill="#616161">${body}</g></svg>`;
}

export const studyhallIcon = new LabIcon({
  name: 'studyhall:logo',
  svgstr: drawn(
    '<path d="M12 3 1 8.5 12 14l9-4.5V16h2V8.5L12 3Z"/><path d="M5 12.4V17c0 1.9 3.1 3.5 7 3.5s7-1.6 7-3.5v-4.6l-7 3.5-7-3.5Z"/>'
  )
});

export const resultIcon = new LabIcon({
  name: 'studyhall:result',
  svgstr: drawn(
    '<path d="M5 3h14a2 2 0 0 1 2 2v14a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V5c0-1.1.9-2 2-2Zm0 2v14h14V5H5Z"/><path d="m10.6 16.2-3.8-3.8 1.4-1.4 2.4 2.4 5.2-5.2 1.4 1.4-6.6 6.6Z"/>'
  )
});

export const reviewIcon = new LabIcon({
  name: 'studyhall:review',
  svgstr: drawn(
    '<path d="M4 3h16a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H9l-5 4v-4a2 2 0 0 1-2-2V5c0-1.1.9-2 2-2Zm0 2v10h2v1.8L8.3 15H20V5H4Z"/><path d="M7 8h10v1.6H7zM7 11h7v1.6H7z"/>'
  )
});

export const rewardsIcon = new LabIcon({
  name: 'studyhall:rewards',
  svgstr: drawn(
    '<path d="m12 2.5 2.9 6 6.6.9-4.8 4.6 1.2 6.5L12 17.4l-5.9 3.1 1.2-6.5L2.5 9.4l6.6-.9 2.9-6Z"/>'
  )
});

export const messageIcon = new LabIcon({
  name: 'studyhall:messages',
  svgstr: drawn(
    '<path d="M4 4h16a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V6c0-1.100.900-2 2-2Zm0 2v.800l8 5.200 8-5.200V6H4Zm16 3.200-8 5.200-8-5.200V18h16V9.200Z"/>'
  )
});

type Shape =
  'check' | 'cross' | 'partial' | 'ring' | 'dot' | 'lock' | 'clock' | 'person' | 'update';

const SHAPES: Record<Shape, React.JSX.Element> = {
  check: (
    <>
      <circle cx="8" cy="8" r="7" fill="currentColor" />
      <path d="m4.8 8.2 2.2 2.2 4.3-4.6" className="sh-Icon-cut" />
    </>
  ),
  cross: (
    <>
      <circle cx="8" cy="8" r="7" fill="currentColor" />
      <path d="m5.4 5.4 5.2 5.2m0-5.2-5.2 5.2" className="sh-Icon-cut" />
    </>
  ),
  partial: (
    <>
      <circle cx="8" cy="8" r="6.25" className="sh-Icon-line" />
      <path d="M8 1.75a6.25 6.25 0 0 1 0 12.5Z" fill="currentColor" />
    </>
  ),
  ring: <circle cx="8" cy="8" r="6.25" className="sh-Icon-line" />,
  dot: (
    <>
      <circle cx="8" cy="8" r="6.25" className="sh-Icon-line" />
      <circle cx="8" cy="8" r="3" fill="currentColor" />
    </>
  ),
  lock: (
    <>
      <rect x="3" y="7" width="10" height="7" rx="1.5" fill="currentColor" />
      <path d="M5.2 7V5a2.8 2.8 0 0 1 5.6 0v2" className="sh-Icon-line" />
    </>
  ),
  clock: (
    <>
      <circle cx="8" cy="8" r="6.25" className="sh-Icon-line" />
      <path d="M8 4.4V8l2.4 1.6" className="sh-Icon-line" />
    </>
  ),
  person: (
    <>
      <circle cx="8" cy="5" r="2.8" fill="currentColor" />
      <path d="M2.8 14c.4-3 2.5-4.6 5.2-4.6s4.8 1.6 5.2 4.6Z" fill="currentColor" />
    </>
  ),
  update: (
    <>
      <circle cx="8" cy="8" r="6.25" className="sh-Icon-line" />
      <path d="M8 11.4V5m0 0L5.4 7.6M8 5l2.6 2.6" className="sh-Icon-line" />
    </>
  )
};

const LESSON_SHAPES: Record<LessonState, [Shape, string]> = {
  locked: ['lock', 'sh-mod-quiet'],
  new: ['ring', 'sh-mod-quiet'],
  started: ['partial', 'sh-mod-brand'],
  submitted: ['dot', 'sh-mod-waiting'],
  passed: ['check', 'sh-mod-passed']
};

export type RowStatus = TestStatus | 'waiting' | 'on_submit';

const TEST_SHAPES: Record<RowStatus, [Shape, string]> = {
  passed: ['check', 'sh-mod-passed'],
  partial: ['partial', 'sh-mod-waiting'],
  failed: ['cross', 'sh-mod-failed'],
  error: ['cross', 'sh-mod-failed'],
  timed_out: ['clock', 'sh-mod-failed'],
  memory_exceeded: ['cross', 'sh-mod-failed'],
  not_run: ['ring', 'sh-mod-quiet'],
  needs_manual: ['person', 'sh-mod-waiting'],
  waiting: ['ring', 'sh-mod-quiet sh-mod-pending'],
  on_submit: ['ring', 'sh-mod-quiet']
};

function StateIcon(props: { shape: Shape; mood: string; label: string }): React.JSX.Element {
  return (
    <span
      className={`sh-Icon ${props.mood}`}
      role="img"
      aria-label={props.label}
      title={props.label}
    >
      <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
        {SHAPES[props.shape]}
      </svg>
    </span>
  );
}

export function LessonIcon(props: {
  state: LessonState;
  update: boolean;
  label: string;
}): React.JSX.Element {
  const [shape, mood] = props.update
    ? (['update', 'sh-mod-brand'] as const)
    : LESSON_SHAPES[props.state];
  return <StateIcon shape={shape} mood={mood} label={props.label} />;
}

export function TestIcon(props: { status: RowStatus; label: string }): React.JSX.Element {
  const [shape, mood] = TEST_SHAPES[props.status];
  return <StateIcon shape={shape} mood={mood} label={props.label} />;
}

const MOOD_SHAPES = {
  passed: ['check', 'sh-mod-passed'],
  failed: ['cross', 'sh-mod-failed'],
  waiting: ['clock', 'sh-mod-waiting']
} as const;

/** The picture of a headline; its text says the same, so it is silent. */
export function MoodIcon(props: { mood: keyof typeof MOOD_SHAPES }): React.JSX.Element {
  const [shape, colour] = MOOD_SHAPES[props.mood];
  return (
    <span className={`sh-Icon ${colour}`} aria-hidden="true">
      <svg width="16" height="16" viewBox="0 0 16 16">
        {SHAPES[shape]}
      </svg>
    </span>
  );
}

/** A small flame: lit on a day with activity, an outline before. */
export function Flame(props: { lit: boolean }): React.JSX.Element {
  return (
    <svg
      className={`sh-Flame${props.lit ? ' sh-mod-lit' : ''}`}
      width="14"
      height="14"
      viewBox="0 0 16 16"
      aria-hidden="true"
    >
      <path d="M8.3 1c.4 2.5-3.8 4.7-3.8 8.6C4.500 12.200 6.100 15 8.100 15c2.300 0 3.900-1.900 3.900-4.400 0-2.200-1.200-3.500-1.700-5.100-.5.900-.7 1.500-.7 2.300C8.400 6.300 9.300 3.300 8.300 1Z" />
    </svg>
  );
}

/** A small envelope: lit while something is unread. */
export function Envelope(props: { lit: boolean }): React.JSX.Element {
  return (
    <svg
      className={`sh-Envelope${props.lit ? ' sh-mod-lit' : ''}`}
      width="14"
      height="14"
      viewBox="0 0 24 24"
      aria-hidden="true"
    >
      <path d="M4 4h16a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V6c0-1.100.900-2 2-2Zm0 2v.800l8 5.200 8-5.200V6H4Zm16 3.200-8 5.200-8-5.200V18h16V9.200Z" />
    </svg>
  );
}

/** A ring that fills with a share from 0 to 1. */
export function ProgressRing(props: { share: number }): React.JSX.Element {
  const length = 2 * Math.PI * 6;
  const share = Math.min(1, Math.max(0, props.share));
  return (
    <svg className="sh-Ring" width="14" height="14" viewBox="0 0 16 16" aria-hidden="true">
      <circle className="sh-Ring-track" cx="8" cy="8" r="6" />
      <circle
        className="sh-Ring-fill"
        cx="8"
        cy="8"
        r="6"
        strokeDasharray={`${length * share} ${length}`}
        transform="rotate(-90 8 8)"
      />
    </svg>
  );
}
