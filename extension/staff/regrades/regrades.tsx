import { useEffect, useLayoutEffect, useRef, useState } from 'react';

import { problemOf, type Problem } from '../api/client';
import { useRemote } from '../api/remote';
import {
  decideRegrade,
  readAssignments,
  readRegrade,
  readRegrades,
  startRegrade,
  type Decision,
  type Regrade,
  type RegradeChange
} from '../api/staff';
import { useAnnounce } from '../components/announcer';
import { countText, Moment, numberText, percentText } from '../components/figures';
import { Empty, Failure, Loaded } from '../components/notices';
import { Page } from '../components/page';
import { Pager } from '../components/pager';
import { AttemptMark } from '../components/status';
import { useCourseTitle } from '../courses/course_tabs';
import { DECIDE_REGRADES, may, START_REGRADES, useSession } from '../frame/session';
import { NO_FILTER } from '../navigation/addresses';
import { Link } from '../navigation/router';

import { isAtWork, isComplete } from './unchanged';
import { changeWords, isUndecided, pointsWords, stateWords } from './words';

const AT_WORK_MS = 1_000;

const ASKED: Record<Decision, { title: string; button: string; words: string }> = {
  confirm: {
    title: 'Give everybody these scores?',
    button: 'Confirm',
    words:
      'Learners see their new reports at once. The old reports stay in the history. Nobody loses XP that they have earned.'
  },
  discard: {
    title: 'Discard this regrade?',
    button: 'Discard',
    words: 'Every score stays as it is. You can start another regrade at any time.'
  }
};

/** Asks before a decision is taken; Escape and Cancel leave everything open. */
function Confirmation(props: {
  run: Regrade;
  decision: Decision;
  done: (run: Regrade) => void;
  cancel: () => void;
}): React.JSX.Element {
  const { run, decision } = props;
  const asked = ASKED[decision];
  const dialog = useRef<HTMLDialogElement>(null);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  // Closed before it is taken out of the page: only then does the focus go back to where it came from.
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  const decide = async (): Promise<void> => {
    setBusy(true);
    setProblem(null);
    try {
      props.done(await decideRegrade(run, decision));
    } catch (error) {
      setProblem(problemOf(error));
      setBusy(false);
    }
  };
  return (
    <dialog
      ref={dialog}
      aria-labelledby="decision-title"
      onCancel={event => {
        event.preventDefault();
        props.cancel();
      }}
    >
      <h2 id="decision-title">{asked.title}</h2>
      <p>
        {decision === 'confirm' ? `${changeWords(run)} ` : ''}
        {asked.words}
      </p>
      {problem && <Failure problem={problem} retry={() => void decide()} />}
      <p className="actions">
        <button
          type="button"
          className="button primary"
          disabled={isBusy}
          onClick={() => void decide()}
          data-testid="regrade-decide"
        >
          {asked.button}
        </button>
        <button type="button" className="button" disabled={isBusy} onClick={props.cancel}>
          Cancel
        </button>
      </p>
    </dialog>
  );
}

function ChangeRow(props: { course: string; change: RegradeChange }): React.JSX.Element {
  const { course, change } = props;
  return (
    <tr data-testid={`regrade-change-${change.attempt_id}`}>
      <th scope="row">
        <Link
          className="row-link"
          to={{ page: 'attempt', course, attempt: change.attempt_id, filter: NO_FILTER }}
        >
          {change.learner.display_name}
          <span className="unseen">, attempt {change.number}</span>
        </Link>{' '}
        <span className="quiet small">{change.learner.username}</span>
      </th>
      <td className="number">{numberText(change.number)}</td>
      <td className="number">{percentText(change.old.percent)}</td>
      <td>
        <AttemptMark status={change.old.status} passed={change.old.passed} />
      </td>
      <td className="number">{percentText(change.new.percent)}</td>
      <td>
        <AttemptMark status={change.new.status} passed={change.new.passed} />
      </td>
      <td className="number">{pointsWords(change.change)}</td>
    </tr>
  );
}

function Changes(props: { run: Regrade; number: number }): React.JSX.Element {
  const { run, number } = props;
  const detail = useRemote(`regrade ${run.id} ${number} ${run.status} ${run.graded}`, signal =>
    readRegrade(run, number, signal)
  );
  return (
    <Loaded of={detail}>
      {({ changes, changes_limit: limit, changed }) =>
        changes.length === 0 ? (
          isComplete(run) && (
            <Empty title="No score changes">
              <p>Everybody would keep what they have.</p>
            </Empty>
          )
        ) : (
          <>
            <div className="scroll" role="region" aria-label="Changes" tabIndex={0}>
              <table className="rows" data-testid="regrade-changes">
                <caption className="unseen">Attempts that change, the biggest change first</caption>
                <thead>
                  <tr>
                    <th scope="col">Learner</th>
                    <th scope="col" className="number">
                      Attempt
                    </th>
                    <th scope="col" className="number">
                      Before
                    </th>
                    <th scope="col">Result before</th>
                    <th scope="col" className="number">
                      After
                    </th>
                    <th scope="col">Result after</th>
                    <th scope="col" className="number">
                      Change, percent points
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {changes.map(change => (
                    <ChangeRow key={change.attempt_id} course={run.course} change={change} />
                  ))}
                </tbody>
              </table>
            </div>
            <Pager
              page={number}
              limit={limit}
              total={changed}
              to={other => ({
                page: 'regrades',
                course: run.course,
                lesson: run.lesson,
                number: other
              })}
            />
          </>
        )
      }
    </Loaded>
  );
}

function Run(props: {
  run: Regrade;
  ask: ((decision: Decision) => void) | null;
}): React.JSX.Element {
  const { run, ask } = props;
  return (
    <section className="card" aria-label="Regrade" data-testid={`regrade-${run.id}`}>
      <h2>{stateWords(run)}</h2>
      {isAtWork(run) && (
        <progress value={run.graded} max={run.total} aria-label="Attempts graded again" />
      )}
      <p>{changeWords(run)}</p>
      {run.not_gradable > 0 && (
        <p>
          {countText(run.not_gradable, 'attempt', 'attempts')} could not be graded again and would
          keep their result.
        </p>
      )}
      <p className="quiet small">
        With release {numberText(run.release)}, asked for by {run.requested_by}{' '}
        <Moment at={run.requested_at} />
        {run.decided_at !== null && (
          <>
            , decided by {run.decided_by} <Moment at={run.decided_at} />
          </>
        )}
      </p>
      {ask && isUndecided(run) && (
        <p className="actions">
          <button
            type="button"
            className="button primary"
            disabled={run.status !== 'ready'}
            onClick={() => ask('confirm')}
            data-testid="regrade-confirm"
          >
            Confirm
          </button>
          <button
            type="button"
            className="button"
            onClick={() => ask('discard')}
            data-testid="regrade-discard"
          >
            Discard
          </button>
        </p>
      )}
    </section>
  );
}

/** A lesson's regrades: start one, see who would change and by how much, and decide. */
export function RegradesPage(props: {
  course: string;
  lesson: string;
  number: number;
}): React.JSX.Element {
  const { course, lesson, number } = props;
  const profile = useSession();
  const courseTitle = useCourseTitle(course);
  const announce = useAnnounce();
  const runs = useRemote(
    `regrades ${course} ${lesson}`,
    signal => readRegrades(course, lesson, signal),
    data => (data?.items.some(isAtWork) ? AT_WORK_MS : null)
  );
  const [asked, setAsked] = useState<Decision | null>(null);
  const [isStarting, setStarting] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const latest = runs.data?.items[0];
  // Before the first regrade only the list of assignments knows what the lesson is called.
  const assignments = useRemote(`assignments ${course}`, signal => readAssignments(course, signal));
  const lessonTitle = assignments.data?.items.find(one => one.lesson === lesson)?.title;
  const said = useRef<string | undefined>(undefined);
  useEffect(() => {
    if (latest && said.current !== undefined && said.current !== latest.status) {
      announce(stateWords(latest));
    }
    said.current = latest?.status;
  }, [announce, latest]);
  const start = async (): Promise<void> => {
    setStarting(true);
    setProblem(null);
    try {
      await startRegrade(course, lesson);
      runs.reload();
    } catch (error) {
      setProblem(problemOf(error));
    }
    setStarting(false);
  };
  const isFree = latest === undefined || !isUndecided(latest);
  return (
    <Page
      title={`Regrade ${latest?.lesson_title ?? lessonTitle ?? ''}`.trimEnd()}
      about={`${course} ${lesson} ${number}`}
      crumbs={[
        { title: 'Your courses', to: { page: 'home' } },
        { title: courseTitle, to: { page: 'assignments', course } }
      ]}
      testId="regrades-page"
    >
      <p className="quiet">
        After you have mended a test and published the course, grade all attempts of this lesson
        again. Nothing changes for learners until you confirm.
      </p>
      {problem && <Failure problem={problem} retry={() => void start()} />}
      <Loaded of={runs}>
        {({ items }) => (
          <>
            {isFree && may(profile, START_REGRADES) && (
              <p className="actions">
                <button
                  type="button"
                  className="button primary"
                  disabled={isStarting}
                  onClick={() => void start()}
                  data-testid="regrade-start"
                >
                  Grade all attempts again
                </button>
              </p>
            )}
            {items.map((run, index) => (
              <Run
                key={run.id}
                run={run}
                ask={index === 0 && may(profile, DECIDE_REGRADES) ? setAsked : null}
              />
            ))}
            {items.length === 0 && (
              <Empty title="No regrades yet">
                <p>They appear here, with who asked for them and who decided.</p>
              </Empty>
            )}
            {latest && <Changes run={latest} number={number} />}
          </>
        )}
      </Loaded>
      {asked && latest && (
        <Confirmation
          run={latest}
          decision={asked}
          done={run => {
            setAsked(null);
            announce(stateWords(run));
            runs.reload();
          }}
          cancel={() => setAsked(null)}
        />
      )}
    </Page>
  );
}
