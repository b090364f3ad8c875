import { useEffect, useRef } from 'react';

import { useLast } from '../api/remote';
import type { StaffAttempt } from '../api/staff';
import { useAnnounce } from '../components/announcer';
import { countText, Moment, numberText, percentText } from '../components/figures';
import { Icon } from '../components/icons';
import { useKeys } from '../components/keys';
import { Empty, Failure, Skeleton } from '../components/notices';
import { Page } from '../components/page';
import { Pager } from '../components/pager';
import { AttemptMark, FlagMark, LateMark } from '../components/status';
import { CourseTabs, useCourseTitle } from '../courses/course_tabs';
import {
  isNarrowed,
  NO_FILTER,
  type AttemptsFilter,
  type SortColumn
} from '../navigation/addresses';
import { hasMoved, Link } from '../navigation/router';

import { FilterBar } from './filter_bar';
import { useAttempts } from './lists';

function Heading(props: {
  column: SortColumn;
  words: string;
  course: string;
  filter: AttemptsFilter;
  className?: string;
}): React.JSX.Element {
  const { column, words, course, filter, className } = props;
  const isSorted = filter.sortBy === column;
  return (
    <th
      scope="col"
      className={className}
      aria-sort={isSorted ? (filter.descending ? 'descending' : 'ascending') : undefined}
    >
      <Link
        className={`sort ${isSorted ? (filter.descending ? 'down' : 'up') : ''}`}
        title={`Sort by ${words.toLowerCase()}`}
        to={{
          page: 'attempts',
          course,
          filter: {
            ...filter,
            sortBy: column,
            descending: isSorted ? !filter.descending : true,
            page: 1
          }
        }}
      >
        {words}
        <Icon shape="chevron" />
      </Link>
    </th>
  );
}

function Row(props: { attempt: StaffAttempt; filter: AttemptsFilter }): React.JSX.Element {
  const { attempt, filter } = props;
  const { score, max_score: most } = attempt;
  return (
    <tr data-testid={`attempt-row-${attempt.id}`}>
      <th scope="row">
        <Link
          className="row-link"
          to={{ page: 'attempt', course: attempt.course, attempt: attempt.id, filter }}
        >
          {attempt.learner.display_name}
          <span className="unseen">
            , {attempt.lesson_title}, attempt {attempt.number}
          </span>
        </Link>{' '}
        <span className="quiet small">{attempt.learner.username}</span>
      </th>
      <td>{attempt.lesson_title}</td>
      <td className="number">{numberText(attempt.number)}</td>
      <td>
        <AttemptMark status={attempt.status} passed={attempt.passed} />
        {attempt.position !== null && (
          <span className="quiet small"> {numberText(attempt.position)} in line</span>
        )}
      </td>
      <td className="number">
        {score === null || most === null ? '–' : `${numberText(score)} of ${numberText(most)}`}
      </td>
      <td className="number">{percentText(attempt.percent)}</td>
      <td>
        <Moment at={attempt.submitted_at} />
      </td>
      <td className="marks">
        {attempt.late && <LateMark />}
        {attempt.flagged && <FlagMark />}
      </td>
    </tr>
  );
}

/** Moves the focus to the row after or before the one that has it. */
function step(table: HTMLElement | null, by: 1 | -1): void {
  const links = [...(table?.querySelectorAll<HTMLElement>('.row-link') ?? [])];
  const row = document.activeElement?.closest('tr');
  const at = links.findIndex(link => row?.contains(link));
  const next = at < 0 ? (by === 1 ? 0 : links.length - 1) : at + by;
  links[next]?.focus();
}

/** A course's attempts: filtered, sorted, in pages, and usable with the keyboard alone. */
export function AttemptsPage(props: { course: string; filter: AttemptsFilter }): React.JSX.Element {
  const { course, filter } = props;
  const title = useCourseTitle(course);
  const attempts = useAttempts(course, filter);
  const list = useLast(attempts.data, course);
  const table = useRef<HTMLDivElement>(null);
  const announce = useAnnounce();
  const total = attempts.data?.total;
  const said = useRef<number | undefined>(undefined);
  useEffect(() => {
    if (total !== undefined && total !== said.current) {
      if (said.current !== undefined && hasMoved()) {
        announce(countText(total, 'attempt', 'attempts'));
      }
      said.current = total;
    }
  }, [total, announce]);
  useKeys({ j: () => step(table.current, 1), k: () => step(table.current, -1) });
  const heading = { course, filter };
  return (
    <Page
      title={title}
      about={course}
      crumbs={[{ title: 'Your courses', to: { page: 'home' } }]}
      testId="attempts-page"
    >
      <CourseTabs course={course} current="attempts" />
      <FilterBar course={course} filter={filter} />
      {attempts.problem && <Failure problem={attempts.problem} retry={attempts.reload} />}
      {list === null && attempts.problem === null && <Skeleton rows={10} />}
      {list?.total === 0 && attempts.data !== null && (
        <Empty title={isNarrowed(filter) ? 'No attempt fits these filters' : 'No attempts yet'}>
          {isNarrowed(filter) ? (
            <p>
              Change them, or{' '}
              <Link to={{ page: 'attempts', course, filter: NO_FILTER }}>show all attempts</Link>.
            </p>
          ) : (
            <p>As soon as a learner submits a lesson, their attempt appears here.</p>
          )}
        </Empty>
      )}
      {list !== null && list.total > 0 && (
        <>
          <div
            ref={table}
            className={`scroll ${attempts.data === null ? 'stale' : ''}`}
            role="region"
            aria-label="Attempts"
            aria-busy={attempts.data === null}
            tabIndex={0}
          >
            <table className="rows" data-testid="attempts-table">
              <caption className="unseen">Attempts at {title}</caption>
              <thead>
                <tr>
                  <th scope="col">Learner</th>
                  <th scope="col">Assignment</th>
                  <Heading column="number" words="Attempt" className="number" {...heading} />
                  <th scope="col">Status</th>
                  <Heading column="score" words="Score" className="number" {...heading} />
                  <th scope="col" className="number">
                    Percent
                  </th>
                  <Heading column="submitted_at" words="Submitted" {...heading} />
                  <th scope="col">Notes</th>
                </tr>
              </thead>
              <tbody>
                {list.items.map(attempt => (
                  <Row key={attempt.id} attempt={attempt} filter={filter} />
                ))}
              </tbody>
            </table>
          </div>
          <div className="below">
            <p className="quiet small keys">
              <kbd>J</kbd> and <kbd>K</kbd> move, <kbd>Enter</kbd> opens, <kbd>/</kbd> searches
            </p>
            <Pager
              page={list.page}
              limit={list.limit}
              total={list.total}
              to={page => ({ page: 'attempts', course, filter: { ...filter, page } })}
            />
          </div>
        </>
      )}
    </Page>
  );
}
