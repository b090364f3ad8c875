import { useLayoutEffect, useRef, useState } from 'react';

import { Problem } from '../api/client';
import { useRemote } from '../api/remote';
import { readDeadLetters, requeue, type DeadLetter } from '../api/staff';
import { useAnnounce } from '../components/announcer';
import { Moment } from '../components/figures';
import { Empty, Failure, Loaded } from '../components/notices';
import { Page, type Crumb } from '../components/page';
import { Pager } from '../components/pager';
import { DEAD_LETTERS, may, REQUEUE, useSession } from '../frame/session';
import { NO_FILTER } from '../navigation/addresses';
import { Link } from '../navigation/router';

import { taskWords, textArgument } from './words';

/** Asks before a job is queued again; Escape and Cancel leave everything as it is. */
function Confirmation(props: {
  letter: DeadLetter;
  done: (letter: DeadLetter) => void;
  cancel: () => void;
}): React.JSX.Element {
  const { letter } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  // Closed before it is taken out of the page: only then does the focus go back to where it came from.
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  const confirm = async (): Promise<void> => {
    setBusy(true);
    setProblem(null);
    try {
      props.done(await requeue(letter.id));
    } catch (error) {
      setProblem(
        error instanceof Problem ? error : new Problem('That did not work. Try again.', 'page', 0)
      );
      setBusy(false);
    }
  };
  return (
    <dialog
      ref={dialog}
      aria-labelledby="requeue-title"
      onCancel={event => {
        event.preventDefault();
        props.cancel();
      }}
    >
      <h2 id="requeue-title">Queue this job again?</h2>
      <p>
        “{taskWords(letter.task)}” starts over. If its cause is still there, it comes back to this
        list. Nothing is done twice: a job whose work is done already changes nothing.
      </p>
      {problem && <Failure problem={problem} retry={() => void confirm()} />}
      <p className="actions">
        <button
          type="button"
          className="button primary"
          disabled={isBusy}
          onClick={() => void confirm()}
          data-testid="requeue-confirm"
        >
          Queue again
        </button>
        <button type="button" className="button" disabled={isBusy} onClick={props.cancel}>
          Cancel
        </button>
      </p>
    </dialog>
  );
}

function Letter(props: { letter: DeadLetter; ask: (() => void) | null }): React.JSX.Element {
  const { letter, ask } = props;
  const attempt = textArgument(letter, 'attempt_id');
  return (
    <li className="card letter" data-testid={`dead-letter-${letter.id}`}>
      <div className="letter-head">
        <h2>{taskWords(letter.task)}</h2>
        <span className="quiet">
          given up on <Moment at={letter.failed_at} />
        </span>
        {ask && (
          <button
            type="button"
            className="button"
            onClick={ask}
            aria-label={`Queue again: ${taskWords(letter.task)}`}
            data-testid={`requeue-${letter.id}`}
          >
            Queue again
          </button>
        )}
      </div>
      <pre className="message" tabIndex={0} aria-label="Reason">
        {letter.reason}
      </pre>
      <p className="quiet small">
        {attempt !== null && (
          <>
            <Link to={{ page: 'attempt', course: '', attempt, filter: NO_FILTER }}>
              Open the attempt
            </Link>
            {' · '}
          </>
        )}
        task <code>{letter.task}</code> · queue <code>{letter.queue}</code>
      </p>
    </li>
  );
}

const HOME: Crumb[] = [{ title: 'Your courses', to: { page: 'home' } }];

/** Jobs that were tried for the last time, for those who may look after them. */
export function DeadLettersPage(props: { number: number }): React.JSX.Element {
  if (may(useSession(), DEAD_LETTERS)) {
    return <DeadLetters number={props.number} />;
  }
  return (
    <Page title="Dead letters" crumbs={HOME} testId="dead-letters">
      <Empty title="Only instructors look after failed jobs">
        <p>When an attempt could not be graded, ask an instructor to queue it again.</p>
      </Empty>
    </Page>
  );
}

function DeadLetters(props: { number: number }): React.JSX.Element {
  const { number } = props;
  const profile = useSession();
  const announce = useAnnounce();
  const letters = useRemote(`dead-letters ${number}`, signal => readDeadLetters(number, signal));
  const [asked, setAsked] = useState<DeadLetter | null>(null);
  const [requeuedCount, setRequeuedCount] = useState(0);
  const requeued = (letter: DeadLetter): void => {
    setAsked(null);
    setRequeuedCount(count => count + 1);
    announce(`${taskWords(letter.task)}: queued again.`);
    letters.reload();
  };
  return (
    <Page
      title="Dead letters"
      // The row that had the focus is about to go.
      about={`${number} ${requeuedCount}`}
      crumbs={HOME}
      testId="dead-letters"
    >
      <p className="quiet">
        Jobs that failed every time they were tried. Once the cause is mended, queue them again.
      </p>
      <Loaded of={letters}>
        {({ items, page, limit, total }) =>
          items.length === 0 && total === 0 ? (
            <Empty title="No dead letters">
              <p>
                Every job was done. When one fails for good, it waits here until you look at it.
              </p>
            </Empty>
          ) : (
            <>
              <ul className="letters">
                {items.map(letter => (
                  <Letter
                    key={letter.id}
                    letter={letter}
                    ask={may(profile, REQUEUE) ? () => setAsked(letter) : null}
                  />
                ))}
              </ul>
              <Pager
                page={page}
                limit={limit}
                total={total}
                to={other => ({ page: 'dead-letters', number: other })}
              />
            </>
          )
        }
      </Loaded>
      {asked && <Confirmation letter={asked} done={requeued} cancel={() => setAsked(null)} />}
    </Page>
  );
}
