import { useEffect, useRef } from 'react';

import { useLast, useRemote } from '../api/remote';
import { readAttempt, type StaffAttempt, type StaffAttemptDetail } from '../api/staff';
import { useAnnounce } from '../components/announcer';
import { durationText, Moment, numberText, percentText } from '../components/figures';
import { Icon } from '../components/icons';
import { useKeys } from '../components/keys';
import { Failure, Skeleton } from '../components/notices';
import { Page } from '../components/page';
import {
  AttemptMark,
  attemptStatus,
  attemptStatusWords,
  FlagMark,
  LateMark
} from '../components/status';
import { useCourseTitle } from '../courses/course_tabs';
import { DEAD_LETTERS, may, READ_GRADES, useSession } from '../frame/session';
import type { AttemptsFilter, Place } from '../navigation/addresses';
import { go, Link, useAddress } from '../navigation/router';

import { History } from './history';
import { isInFlight, useNeighbours, type Neighbours } from './lists';
import { NotebookFrame } from './notebook_frame';
import { Flags, Repairs, ResourceUse } from './report_notes';
import { AwaitedTests, TestsTable } from './tests_table';

const IN_FLIGHT_EVERY_MS = 2_000;

function scoreText(attempt: StaffAttempt): string {
  return attempt.score === null || attempt.max_score === null
    ? isInFlight(attempt.status)
      ? 'No score yet'
      : 'No score'
    : `${numberText(attempt.score)} of ${numberText(attempt.max_score)}`;
}

const SOON_MS = 3_600_000;

/** How long grading took, waiting included; after a regrade days later, when it was. */
function Graded(props: { submitted: string; at: string }): React.JSX.Element {
  const took = new Date(props.at).getTime() - new Date(props.submitted).getTime();
  return took >= 0 && took < SOON_MS ? (
    <>, graded after {durationText(took)}</>
  ) : (
    <>
      , graded <Moment at={props.at} />
    </>
  );
}

function Headline(props: { attempt: StaffAttempt }): React.JSX.Element {
  const { attempt } = props;
  return (
    <div className="headline">
      <span className="score" data-testid="attempt-score">
        {scoreText(attempt)}
      </span>
      {attempt.percent !== null && (
        <span className="quiet score-percent">{percentText(attempt.percent)}</span>
      )}
      <AttemptMark status={attempt.status} passed={attempt.passed} />
      {attempt.late && <LateMark />}
      {attempt.flagged && <FlagMark />}
      {attempt.counts && (
        <span className="mark brand">
          <Icon shape="star" />
          <span>Counts</span>
        </span>
      )}
      <span className="quiet">
        attempt {numberText(attempt.number)}, submitted <Moment at={attempt.submitted_at} />
        {attempt.graded_at !== null && (
          <Graded submitted={attempt.submitted_at} at={attempt.graded_at} />
        )}
      </span>
    </div>
  );
}

/** Says what an attempt waits for, or why it has no verdict. */
function Standing(props: { detail: StaffAttemptDetail }): React.JSX.Element | null {
  const { attempt, report } = props.detail;
  const profile = useSession();
  if (attempt.status === 'queued') {
    return (
      <div className="notice waiting">
        <p>
          Waiting to be graded
          {attempt.position !== null && `, ${numberText(attempt.position)} in line`}. This page
          fills by itself.
        </p>
      </div>
    );
  }
  if (attempt.status === 'running') {
    return (
      <div className="notice waiting">
        <p>Being graded right now. This page fills by itself.</p>
      </div>
    );
  }
  if (attempt.status === 'internal_error') {
    return (
      <div className="notice failed">
        <p>
          This attempt could not be graded, and that is not the learner’s fault. What they sent is
          safe. {report?.message}
        </p>
        {may(profile, DEAD_LETTERS) ? (
          <Link className="button" to={{ page: 'dead-letters', number: 1 }}>
            Look at the dead letters
          </Link>
        ) : (
          <p>Ask an instructor to queue it again.</p>
        )}
      </div>
    );
  }
  if (attempt.status === 'refused') {
    return (
      <div className="notice failed">
        <p>{report?.message ?? 'The judge refused this submission.'}</p>
      </div>
    );
  }
  return report !== null && report.message !== '' ? (
    <div className="notice waiting">
      <p>{report.message}</p>
    </div>
  ) : null;
}

function Steps(props: {
  neighbours: Neighbours;
  list: Place;
  grading: Place | null;
}): React.JSX.Element {
  const { position, total, previous, next } = props.neighbours;
  return (
    <nav className="steps" aria-label="Attempts of the list">
      {position !== null && (
        <span className="quiet small">
          {numberText(position)} of {numberText(total)}
        </span>
      )}
      {previous && (
        <Link className="button" to={previous} title="Previous attempt (K)" testId="previous">
          Previous
        </Link>
      )}
      {next && (
        <Link className="button" to={next} title="Next attempt (J)" testId="next">
          Next
        </Link>
      )}
      {props.grading && (
        <Link className="button" to={props.grading} title="Grade by hand (G)" testId="grade">
          Grade
        </Link>
      )}
      <Link className="button" to={props.list} title="Back to the list (U)">
        List
      </Link>
    </nav>
  );
}

function Report(props: { detail: StaffAttemptDetail; filter: AttemptsFilter }): React.JSX.Element {
  const { attempt, report, notebooks, history } = props.detail;
  return (
    <>
      <Headline attempt={attempt} />
      <History attempts={history} shown={attempt.id} filter={props.filter} />
      <div className={notebooks.length > 0 ? 'beside' : ''}>
        <div className="verdict">
          <Standing detail={props.detail} />
          {report === null ? (
            <AwaitedTests tests={attempt.tests} />
          ) : (
            <>
              <Flags report={report} />
              {report.tests.length > 0 && <TestsTable key={attempt.id} tests={report.tests} />}
              <Repairs report={report} />
              <ResourceUse report={report} release={attempt.release} />
            </>
          )}
        </div>
        <NotebookFrame attempt={attempt.id} notebooks={notebooks} />
      </div>
    </>
  );
}

/** Says what became of an attempt that was watched while it was graded. */
function useVerdictAnnouncement(attempt: StaffAttempt | null): void {
  const announce = useAnnounce();
  const before = useRef<{ id: string; status: string } | null>(null);
  useEffect(() => {
    if (attempt === null) {
      return;
    }
    const last = before.current;
    if (last?.id === attempt.id && last.status !== attempt.status) {
      const status = attemptStatus(attempt.status);
      announce(
        `${status === null ? attempt.status : attemptStatusWords(status)}. ${scoreText(attempt)}.`
      );
    }
    before.current = { id: attempt.id, status: attempt.status };
  }, [attempt, announce]);
}

/** One attempt with everything that the judge said of it, beside the executed notebook. */
export function AttemptPage(props: {
  course: string;
  attempt: string;
  filter: AttemptsFilter;
}): React.JSX.Element {
  const { attempt: id, filter } = props;
  const remote = useRemote(
    `attempt ${id}`,
    signal => readAttempt(id, signal),
    detail => (detail !== null && isInFlight(detail.attempt.status) ? IN_FLIGHT_EVERY_MS : null)
  );
  const detail = remote.data;
  const before = useLast(detail, props.course);
  const shown = remote.problem === null ? (detail ?? before) : detail;
  const course = props.course || (detail?.attempt.course ?? '');
  const courseTitle = useCourseTitle(course);
  const neighbours = useNeighbours(course, filter, id);
  const list: Place = { page: 'attempts', course, filter };
  const profile = useSession();
  const grading: Place | null =
    course && detail?.report && may(profile, READ_GRADES)
      ? { page: 'grading', course, attempt: id, test: '' }
      : null;

  // A link without a course finds its own; the address then says it.
  useAddress(detail && { page: 'attempt', course: detail.attempt.course, attempt: id, filter });
  useVerdictAnnouncement(detail?.attempt ?? null);
  useKeys({
    j: () => {
      if (neighbours.next) {
        go(neighbours.next);
      }
    },
    k: () => {
      if (neighbours.previous) {
        go(neighbours.previous);
      }
    },
    u: () => go(list),
    g: () => {
      if (grading) {
        go(grading);
      }
    }
  });

  return (
    <Page
      title={
        shown === null
          ? 'Attempt'
          : `${shown.attempt.learner.display_name}: ${shown.attempt.lesson_title}`
      }
      about={id}
      crumbs={[
        { title: 'Your courses', to: { page: 'home' } },
        ...(course
          ? [
              { title: courseTitle, to: { page: 'assignments', course } as const },
              { title: 'Attempts', to: list }
            ]
          : [])
      ]}
      aside={course ? <Steps neighbours={neighbours} list={list} grading={grading} /> : undefined}
      testId="attempt-page"
      className="full"
    >
      {remote.problem && <Failure problem={remote.problem} retry={remote.reload} />}
      {shown === null && remote.problem === null && <Skeleton rows={10} />}
      {shown !== null && (
        <div className={detail === null ? 'stale' : ''} aria-busy={detail === null}>
          <Report detail={shown} filter={filter} />
        </div>
      )}
    </Page>
  );
}
