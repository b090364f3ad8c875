import { useEffect, useRef } from 'react';

import type { Attempt } from '../api/staff';
import { percentText } from '../components/figures';
import { Icon } from '../components/icons';
import { AttemptMark } from '../components/status';
import type { AttemptsFilter } from '../navigation/addresses';
import { Link } from '../navigation/router';

/** The learner's attempts at this lesson in the order in which they were made. */
export function History(props: {
  attempts: Attempt[];
  shown: string;
  filter: AttemptsFilter;
}): React.JSX.Element | null {
  const { attempts, shown, filter } = props;
  const row = useRef<HTMLOListElement>(null);
  useEffect(() => {
    // A long row is scrolled sideways only; the page stays where it is.
    const list = row.current;
    const current = list?.querySelector<HTMLElement>('[aria-current]')?.parentElement;
    if (list && current) {
      list.scrollLeft = current.offsetLeft - list.clientWidth / 2;
    }
  }, [shown]);
  if (attempts.length < 2) {
    return null;
  }
  const ordered = [...attempts].sort((one, other) => one.number - other.number);
  return (
    <nav className="history" aria-label="Attempts at this lesson">
      <ol ref={row}>
        {ordered.map(attempt => (
          <li key={attempt.id}>
            <Link
              to={{ page: 'attempt', course: attempt.course, attempt: attempt.id, filter }}
              current={attempt.id === shown ? 'page' : undefined}
              testId={`history-${attempt.number}`}
            >
              <span className="history-number">Attempt {attempt.number}</span>
              <span className="history-result">
                <AttemptMark status={attempt.status} passed={attempt.passed} />
                {attempt.percent !== null && <span>{percentText(attempt.percent)}</span>}
                {attempt.counts && (
                  <span className="counts" title="This attempt counts">
                    <Icon shape="star" />
                    <span className="unseen">This attempt counts</span>
                  </span>
                )}
              </span>
            </Link>
          </li>
        ))}
      </ol>
    </nav>
  );
}
