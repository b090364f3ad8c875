import { useEffect, useRef, useState } from 'react';

import { problemOf, type Problem } from '../api/client';
import {
  exportGradebook,
  readGradebook,
  takeGradesBack,
  type GradebookAssignment
} from '../api/grading';
import { useLast, useRemote } from '../api/remote';
import { useAnnounce } from '../components/announcer';
import { countText, numberText } from '../components/figures';
import { Icon } from '../components/icons';
import { Menu } from '../components/menu';
import { Empty, Failure, Skeleton } from '../components/notices';
import { Page } from '../components/page';
import { Pager } from '../components/pager';
import { CourseTabs, useCourseTitle } from '../courses/course_tabs';
import { EXPORT_GRADES, may, useSession } from '../frame/session';
import {
  gradebookQueryOf,
  NO_FILTER,
  WHOLE_GRADEBOOK,
  type GradebookFilter
} from '../navigation/addresses';
import { go, hasMoved, Link } from '../navigation/router';

import type { ColumnAction } from './column_menu';
import { ExtensionsDialog } from './extensions_dialog';
import { GradebookFilters } from './filters';
import { GradeGrid, Legend } from './grid';
import { PolicyDialog } from './policy_dialog';
import { ReleaseDialog, TakeBackDialog } from './release_dialog';

const ROWS = 50;
const EVERY_MS = 15_000;

type Opened = { action: ColumnAction; assignment: GradebookAssignment } | null;

/** What was just done, with the way back while there is one. */
interface Done {
  words: string;
  undo: (() => Promise<unknown>) | null;
}

function DoneNotice(props: {
  done: Done;
  after: (words: string | null) => void;
}): React.JSX.Element {
  const { done, after } = props;
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isBusy, setBusy] = useState(false);
  const undo = async (): Promise<void> => {
    setBusy(true);
    try {
      await done.undo?.();
      after('Undone.');
    } catch (error) {
      setProblem(problemOf(error));
      setBusy(false);
    }
  };
  return (
    <>
      {problem && <Failure problem={problem} retry={() => void undo()} />}
      <div className="notice done" data-testid="gradebook-done">
        <p>{done.words}</p>
        {done.undo && (
          <button
            type="button"
            className="button"
            disabled={isBusy}
            data-testid="gradebook-undo"
            onClick={() => void undo()}
          >
            Undo
          </button>
        )}
        <button type="button" className="button" onClick={() => after(null)}>
          OK
        </button>
      </div>
    </>
  );
}

function ExportMenu(props: { course: string }): React.JSX.Element {
  const [problem, setProblem] = useState<Problem | null>(null);
  const save = async (format: 'csv' | 'xlsx'): Promise<void> => {
    setProblem(null);
    try {
      await exportGradebook(props.course, format);
    } catch (error) {
      setProblem(problemOf(error));
    }
  };
  return (
    <>
      {problem && <Failure problem={problem} retry={() => setProblem(null)} />}
      <Menu
        label="Export all grades"
        className="button"
        testId="export-menu"
        items={[
          {
            words: 'CSV, as nbgrader exports it',
            act: () => void save('csv'),
            testId: 'export-csv'
          },
          { words: 'Excel workbook', act: () => void save('xlsx'), testId: 'export-xlsx' }
        ]}
      >
        Export
        <Icon shape="chevron" className="points-down" />
      </Menu>
    </>
  );
}

const isNarrowed = (filter: GradebookFilter): boolean =>
  filter.search !== '' || filter.lesson !== '' || filter.state !== '';

/** A course's grades: learners × assignments. */
export function GradebookPage(props: {
  course: string;
  filter: GradebookFilter;
}): React.JSX.Element {
  const { course, filter } = props;
  const title = useCourseTitle(course);
  const profile = useSession();
  const announce = useAnnounce();
  const query = { ...gradebookQueryOf(filter), limit: ROWS };
  const remote = useRemote(
    `gradebook ${course} ${JSON.stringify(query)}`,
    signal => readGradebook(course, query, signal),
    () => EVERY_MS
  );
  const list = useLast(remote.data, course);
  const [opened, setOpened] = useState<Opened>(null);
  const [done, setDone] = useState<Done | null>(null);
  const total = remote.data?.total;
  const said = useRef<number | undefined>(undefined);
  useEffect(() => {
    if (total !== undefined && total !== said.current) {
      if (said.current !== undefined && hasMoved()) {
        announce(countText(total, 'learner', 'learners'));
      }
      said.current = total;
    }
  }, [total, announce]);

  const finish = (words: string | null, undo: Done['undo'] = null): void => {
    setOpened(null);
    setDone(words === null ? null : { words, undo });
    if (words !== null) {
      announce(words);
      remote.reload();
    }
  };
  const act = (action: ColumnAction, assignment: GradebookAssignment): void => {
    const { lesson } = assignment;
    if (action === 'grade') {
      go({ page: 'queue', course });
    } else if (action === 'regrade') {
      go({ page: 'regrades', course, lesson, number: 1 });
    } else if (action === 'attempts') {
      go({ page: 'attempts', course, filter: { ...NO_FILTER, lesson } });
    } else {
      setOpened({ action, assignment });
    }
  };

  return (
    <Page
      title={title}
      about={course}
      crumbs={[{ title: 'Your courses', to: { page: 'home' } }]}
      aside={may(profile, EXPORT_GRADES) ? <ExportMenu course={course} /> : undefined}
      testId="gradebook-page"
      className="full"
    >
      <CourseTabs course={course} current="gradebook" />
      <GradebookFilters
        course={course}
        filter={filter}
        assignments={list?.data.assignments ?? []}
      />
      {done && <DoneNotice key={done.words} done={done} after={words => finish(words)} />}
      {remote.problem && <Failure problem={remote.problem} retry={remote.reload} />}
      {list === null && remote.problem === null && <Skeleton rows={10} />}
      {list !== null && list.data.assignments.length === 0 && (
        <Empty title="This course has no assignments yet">
          <p>
            A lesson becomes an assignment when one of its notebooks has a graded cell. Add one and
            publish the course again with <code>studyhall publish</code>.
          </p>
        </Empty>
      )}
      {list !== null && list.data.assignments.length > 0 && list.total === 0 && (
        <Empty title={isNarrowed(filter) ? 'No learner fits these filters' : 'No learners yet'}>
          {isNarrowed(filter) ? (
            <p>
              Change them, or{' '}
              <Link to={{ page: 'gradebook', course, filter: WHOLE_GRADEBOOK }}>
                show everybody
              </Link>
              .
            </p>
          ) : (
            <p>Learners appear here as soon as they are enrolled in the course.</p>
          )}
        </Empty>
      )}
      {list !== null && list.data.assignments.length > 0 && list.total > 0 && (
        <>
          <GradeGrid
            course={course}
            filter={filter}
            book={list.data}
            isStale={remote.data === null}
            act={act}
          />
          <div className="below">
            <Legend />
            <Pager
              page={list.page}
              limit={list.limit || ROWS}
              total={list.total}
              to={page => ({ page: 'gradebook', course, filter: { ...filter, page } })}
            />
          </div>
          <p className="quiet small keys">
            Arrow keys move, <kbd>Enter</kbd> opens, <kbd>G</kbd> grades, <kbd>/</kbd> searches.{' '}
            {countText(list.data.assignments.length, 'assignment', 'assignments')},{' '}
            {numberText(list.total)} in the list.
          </p>
        </>
      )}
      {opened?.action === 'policy' && (
        <PolicyDialog
          course={course}
          assignment={opened.assignment}
          done={finish}
          close={() => setOpened(null)}
        />
      )}
      {opened?.action === 'extensions' && (
        <ExtensionsDialog
          course={course}
          assignment={opened.assignment}
          changed={remote.reload}
          close={() => setOpened(null)}
        />
      )}
      {opened?.action === 'release' && (
        <ReleaseDialog
          course={course}
          assignment={opened.assignment}
          done={words => finish(words, () => takeGradesBack(course, opened.assignment.lesson))}
          close={() => setOpened(null)}
        />
      )}
      {opened?.action === 'take_back' && (
        <TakeBackDialog
          course={course}
          assignment={opened.assignment}
          done={finish}
          close={() => setOpened(null)}
        />
      )}
    </Page>
  );
}
