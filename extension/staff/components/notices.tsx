// The states that every page has besides being full: loading, failed, empty.

import { useEffect, useState, type ReactNode } from 'react';

import type { Problem } from '../api/client';
import type { Remote } from '../api/remote';
import { settings } from '../settings';

/** Grey lines in place of what is on its way; only when it takes longer than people notice. */
export function Skeleton(props: { rows?: number }): React.JSX.Element | null {
  const [isShown, setShown] = useState(false);
  useEffect(() => {
    const timer = window.setTimeout(() => setShown(true), 200);
    return () => window.clearTimeout(timer);
  }, []);
  if (!isShown) {
    return null;
  }
  return (
    <div className="skeleton" role="status">
      <span className="unseen">Loading</span>
      {Array.from({ length: props.rows ?? 6 }, (_, index) => (
        <div key={index} />
      ))}
    </div>
  );
}

/**
 * What went wrong and the way out: trying again, or signing in again. That is done in another tab, so that nothing is
 * lost of what was typed here.
 */
export function Failure(props: { problem: Problem; retry: () => void }): React.JSX.Element {
  const { problem } = props;
  return (
    <div className="notice failed" role="alert">
      <p>{problem.message}</p>
      {problem.isSignedOut ? (
        <div className="actions">
          <a
            className="button"
            href={problem.code === 'other_person' ? `${settings.hub}logout` : `${settings.prefix}/`}
            target="_blank"
            rel="noopener"
            data-testid="sign-in-again"
          >
            Sign in again in a new tab
          </a>
          <button type="button" className="button" onClick={props.retry}>
            Try again
          </button>
        </div>
      ) : (
        problem.status !== 403 &&
        problem.status !== 404 &&
        problem.status !== 422 && (
          <button type="button" className="button" onClick={props.retry}>
            Try again
          </button>
        )
      )}
    </div>
  );
}

/** A list with nothing in it says what that means and what to do. */
export function Empty(props: { title: string; children?: ReactNode }): React.JSX.Element {
  return (
    <div className="empty">
      <p className="empty-title">{props.title}</p>
      {props.children}
    </div>
  );
}

/** Draws what was loaded, or the state that stands in for it. */
export function Loaded<Data>(props: {
  of: Remote<Data>;
  rows?: number;
  children: (data: Data) => ReactNode;
}): React.JSX.Element {
  const { data, problem, reload } = props.of;
  return (
    <>
      {problem && <Failure problem={problem} retry={reload} />}
      {data !== null ? (
        props.children(data)
      ) : problem ? null : (
        <Skeleton {...(props.rows === undefined ? {} : { rows: props.rows })} />
      )}
    </>
  );
}
