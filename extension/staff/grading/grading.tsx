import { useState } from 'react';

import { readGrading, type GradedCell, type Grading } from '../api/grading';
import { useLast, useRemote } from '../api/remote';
import { readAttempt, type StaffAttemptDetail } from '../api/staff';
import { useAnnounce } from '../components/announcer';
import { Moment, numberText } from '../components/figures';
import { useKeys } from '../components/keys';
import { Empty, Failure, Skeleton } from '../components/notices';
import { Page } from '../components/page';
import { FlagMark, LateMark } from '../components/status';
import { useCourseTitle } from '../courses/course_tabs';
import { may, useSession, WRITE_GRADES } from '../frame/session';
import { NO_FILTER, WHOLE_GRADEBOOK, type Place } from '../navigation/addresses';
import { go, Link, useAddress } from '../navigation/router';
import { NotebookFrame } from '../submissions/notebook_frame';

import { CellList } from './cell_list';
import { cellBeside, firstCell, nextWaiting } from './next';
import { Penalties } from './penalties';
import { UndoBar } from './undo';
import type { Saved } from './use_grade';

const nameOf = (grading: Grading): string => grading.learner?.display_name ?? 'A learner';

function FinalScore(props: { grading: Grading }): React.JSX.Element {
  const { attempt, final, cells } = props.grading;
  const waiting = cells.filter(cell => cell.needs_grading).length;
  return (
    <div className="headline">
      <span className="score" data-testid="final-score">
        {numberText(final.score)} of {numberText(final.max_score)}
      </span>
      {final.penalty > 0 && <span className="quiet">late −{numberText(final.penalty)}</span>}
      {final.extra_credit !== 0 && (
        <span className="quiet">extra +{numberText(final.extra_credit)}</span>
      )}
      {waiting > 0 ? (
        <span className="waiting" data-testid="still-waiting">
          {numberText(waiting)} to grade
        </span>
      ) : (
        <span className="quiet">all graded</span>
      )}
      {final.late && <LateMark />}
      {attempt.flagged && <FlagMark />}
      <span className="quiet">
        attempt {numberText(attempt.number)}, submitted <Moment at={attempt.submitted_at} />
      </span>
      <Link
        to={{
          page: 'attempt',
          course: attempt.course,
          attempt: attempt.id,
          filter: { ...NO_FILTER, lesson: attempt.lesson }
        }}
        testId="judges-report"
      >
        The judge’s report
      </Link>
    </div>
  );
}

function Steps(props: {
  previous: Place | null;
  next: Place | null;
  list: Place;
}): React.JSX.Element {
  return (
    <nav className="steps" aria-label="Learners of this assignment">
      {props.previous && (
        <Link className="button" to={props.previous} title="Previous learner (K)" testId="previous">
          Previous
        </Link>
      )}
      {props.next && (
        <Link className="button" to={props.next} title="Next learner (J)" testId="next">
          Next
        </Link>
      )}
      <Link className="button" to={props.list} title="Back to the gradebook (U)">
        Gradebook
      </Link>
    </nav>
  );
}

interface Opened {
  test: string;
  /** Whether the grader came here from the score field of another cell. */
  inScore: boolean;
}

function useOpened(
  grading: Grading | null,
  place: { course: string; attempt: string; test: string }
): { cell: GradedCell | undefined; open: (test: string) => void } {
  const cell = grading === null ? undefined : firstCell(grading.cells, place.test);
  return {
    cell,
    open: test =>
      go({ page: 'grading', course: place.course, attempt: place.attempt, test }, 'replace')
  };
}

/** One attempt to grade: the executed notebook, and beside it every cell with its answer, tests, rubric and comment. */
export function GradingPage(props: {
  course: string;
  attempt: string;
  test: string;
}): React.JSX.Element {
  const { course, attempt: id } = props;
  const profile = useSession();
  const announce = useAnnounce();
  const courseTitle = useCourseTitle(course);
  const remote = useRemote(`grading ${id}`, signal => readGrading(id, signal));
  const detail = useRemote<StaffAttemptDetail>(`attempt ${id}`, signal => readAttempt(id, signal));
  const grading = remote.data;
  const before = useLast(grading, course);
  const shown = remote.problem === null ? (grading ?? before) : grading;
  const { cell, open } = useOpened(grading, props);
  const [saved, setSaved] = useState<{ saved: Saved; whose: string } | null>(null);
  const [entered, setEntered] = useState<Opened | null>(null);

  const at = (attempt: string | null | undefined): Place | null =>
    attempt ? { page: 'grading', course, attempt, test: '' } : null;
  const previous = at(grading?.previous);
  const next = at(grading?.next);
  const list: Place = { page: 'gradebook', course, filter: WHOLE_GRADEBOOK };
  const step = (by: 1 | -1): void => {
    const beside = grading && cell && cellBeside(grading.cells, cell.test_id, by);
    if (beside) {
      open(beside.test_id);
    }
  };
  useKeys({
    j: () => next && go(next),
    k: () => previous && go(previous),
    n: () => step(1),
    p: () => step(-1),
    u: () => go(list)
  });
  // What a reload of the page shows is the cell that was open, not the first that waits.
  useAddress(cell ? { page: 'grading', course, attempt: id, test: cell.test_id } : null);

  const afterSave = (what: Saved, goesOn: boolean): void => {
    if (grading === null) {
      return;
    }
    setSaved({ saved: what, whose: nameOf(grading) });
    remote.reload();
    const waiting = nextWaiting(grading.cells, what.test);
    const inScore = document.activeElement instanceof HTMLInputElement;
    if (!goesOn) {
      announce('Saved.');
    } else if (waiting !== undefined) {
      announce(`Saved. Next: ${waiting.title}.`);
      setEntered({ test: waiting.test_id, inScore });
      open(waiting.test_id);
    } else if (next !== null) {
      announce('Saved. Next learner.');
      setEntered({ test: '', inScore });
      go(next);
    } else {
      announce('Saved. This was the last one in the list.');
    }
  };

  return (
    <Page
      title={shown === null ? 'Grading' : `${nameOf(shown)}: ${shown.attempt.lesson_title}`}
      about={id}
      crumbs={[
        { title: 'Your courses', to: { page: 'home' } },
        { title: courseTitle, to: { page: 'assignments', course } },
        { title: 'Gradebook', to: list }
      ]}
      aside={<Steps previous={previous} next={next} list={list} />}
      testId="grading-page"
      className="full"
    >
      {saved && (
        <UndoBar
          key={`${saved.saved.attempt} ${saved.saved.test} ${saved.saved.version}`}
          saved={saved.saved}
          whose={saved.whose}
          undone={what => {
            setSaved(null);
            remote.reload();
            go({ page: 'grading', course, attempt: what.attempt, test: what.test });
          }}
        />
      )}
      {remote.problem && <Failure problem={remote.problem} retry={remote.reload} />}
      {shown === null && remote.problem === null && <Skeleton rows={10} />}
      {shown !== null && (
        <div className={grading === null ? 'stale' : ''} aria-busy={grading === null}>
          <FinalScore grading={shown} />
          <div className="beside grading">
            <NotebookFrame attempt={shown.attempt.id} notebooks={shown.attempt.notebooks} />
            <div className="verdict">
              {shown.cells.length === 0 ? (
                <Empty title="Nothing to grade here">
                  <p>The judge has no result for this attempt yet.</p>
                </Empty>
              ) : (
                <CellList
                  grading={shown}
                  report={detail.data?.report ?? null}
                  opened={cell?.test_id ?? ''}
                  open={open}
                  canWrite={may(profile, WRITE_GRADES)}
                  refresh={remote.reload}
                  saved={afterSave}
                  startsInScore={
                    entered !== null &&
                    entered.inScore &&
                    (entered.test === '' || entered.test === cell?.test_id)
                  }
                />
              )}
              <Penalties
                attempt={shown.attempt.id}
                grading={shown}
                changed={remote.reload}
                canChange={may(profile, WRITE_GRADES)}
              />
              <p className="quiet small keys">
                <kbd>J</kbd> <kbd>K</kbd> next and previous learner, <kbd>N</kbd> <kbd>P</kbd> next
                and previous cell, <kbd>1</kbd>–<kbd>9</kbd> rubric, <kbd>Ctrl</kbd>+
                <kbd>Enter</kbd> saves and goes on, <kbd>Z</kbd> undoes, <kbd>Esc</kbd> leaves a
                field
              </p>
            </div>
          </div>
        </div>
      )}
    </Page>
  );
}
