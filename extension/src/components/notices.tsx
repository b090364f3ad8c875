import { useEffect, useState } from 'react';

/** A plain box that says what happened and offers the way out. */
export function Notice(props: {
  tone: 'failed' | 'waiting' | 'quiet';
  message: string;
  action?: { label: string; run: () => void } | undefined;
  testId?: string;
}): React.JSX.Element {
  return (
    <div
      className={`sh-Notice sh-mod-${props.tone}`}
      role={props.tone === 'failed' ? 'alert' : 'status'}
      data-testid={props.testId}
    >
      <p>{props.message}</p>
      {props.action && (
        <button
          type="button"
          className="jp-Button jp-mod-styled sh-Button"
          onClick={props.action.run}
        >
          {props.action.label}
        </button>
      )}
    </div>
  );
}

/** Grey lines in place of content that is on its way; shown only when it takes more than 200 ms. */
export function Skeleton(props: { rows: number; label: string }): React.JSX.Element | null {
  const [visible, setVisible] = useState(false);
  useEffect(() => {
    const timer = window.setTimeout(() => setVisible(true), 200);
    return () => window.clearTimeout(timer);
  }, []);
  if (!visible) {
    return null;
  }
  return (
    <div className="sh-Skeleton" role="status" aria-label={props.label}>
      {Array.from({ length: props.rows }, (_, index) => (
        <div key={index} className="sh-Skeleton-row" />
      ))}
    </div>
  );
}

/** A thin bar; `label` is read aloud in place of the picture. */
export function ProgressBar(props: {
  value: number;
  max: number;
  label: string;
}): React.JSX.Element {
  const percent = props.max > 0 ? Math.round((100 * props.value) / props.max) : 0;
  return (
    <div
      className="sh-ProgressBar"
      role="progressbar"
      aria-label={props.label}
      aria-valuenow={percent}
      aria-valuemin={0}
      aria-valuemax={100}
      title={props.label}
    >
      <div style={{ width: `${percent}%` }} />
    </div>
  );
}
