import { useRef, useState, type KeyboardEvent } from 'react';

import type { Gradebook, GradebookAssignment, GradebookCell, GradebookRow } from '../api/grading';
import { Moment, numberText, percentText } from '../components/figures';
import { Icon, type Shape } from '../components/icons';
import type { GradebookFilter } from '../navigation/addresses';
import { go, Link } from '../navigation/router';

import { cellWords, heatOf, spotAfter, type Spot } from './cells';
import { ColumnMenu, type ColumnAction } from './column_menu';

interface Sign {
  shape: Shape;
  tone: string;
  words: string;
}

const SIGNS = {
  needs_grading: { shape: 'person', tone: 'waiting', words: 'To be graded by hand' },
  problem: { shape: 'warning', tone: 'failed', words: 'Could not be graded' },
  queued: { shape: 'dot', tone: 'brand', words: 'Being graded' },
  late: { shape: 'clock', tone: 'waiting', words: 'Late' },
  manual: { shape: 'pencil', tone: 'quiet', words: 'Graded by a person' },
  extension: { shape: 'calendar', tone: 'quiet', words: 'Extension' }
} satisfies Record<string, Sign>;

function signsOf(cell: GradebookCell): Sign[] {
  const state =
    cell.state === 'needs_grading' || cell.state === 'problem' || cell.state === 'queued'
      ? [SIGNS[cell.state]]
      : [];
  return [
    ...state,
    ...(cell.late ? [SIGNS.late] : []),
    ...(cell.manual ? [SIGNS.manual] : []),
    ...(cell.extension ? [SIGNS.extension] : [])
  ];
}

/** What the drawings mean. */
export function Legend(): React.JSX.Element {
  return (
    <ul className="legend small quiet" aria-label="What the signs mean">
      {Object.values(SIGNS).map(sign => (
        <li key={sign.words}>
          <span className={sign.tone}>
            <Icon shape={sign.shape} />
          </span>
          {sign.words}
        </li>
      ))}
    </ul>
  );
}

function CellContent(props: { cell: GradebookCell | undefined }): React.JSX.Element {
  const { cell } = props;
  if (cell === undefined || (cell.state === 'missing' && cell.score === null)) {
    return (
      <>
        {cell?.extension && <Icon shape="calendar" className="quiet" />}
        <span className="quiet" aria-hidden="true">
          –
        </span>
        <span className="unseen">
          {cell === undefined ? 'nothing handed in' : cellWords(cell, numberText)}
        </span>
      </>
    );
  }
  return (
    <>
      {signsOf(cell).map(sign => (
        <span key={sign.words} className={sign.tone}>
          <Icon shape={sign.shape} />
        </span>
      ))}
      <span aria-hidden="true">{cell.score === null ? '·' : numberText(cell.score)}</span>
      <span className="unseen">{cellWords(cell, numberText)}</span>
    </>
  );
}

function heatStyle(heat: number | null): React.CSSProperties {
  return heat === null
    ? {}
    : {
        backgroundColor: `color-mix(in srgb, var(--heat) ${4 + Math.round(40 * heat)}%, var(--surface))`
      };
}

function SortLink(props: {
  course: string;
  filter: GradebookFilter;
  column: string;
  words: string;
  firstDown?: boolean;
}): React.JSX.Element {
  const { course, filter, column, words } = props;
  const isSorted = filter.sortBy === column;
  const descending = isSorted ? !filter.descending : (props.firstDown ?? true);
  return (
    <Link
      className={`sort ${isSorted ? (filter.descending ? 'down' : 'up') : ''}`}
      title={`Sort by ${words}`}
      to={{ page: 'gradebook', course, filter: { ...filter, sortBy: column, descending, page: 1 } }}
    >
      <span className="sort-words">{words}</span>
      <Icon shape="chevron" />
    </Link>
  );
}

const sortOf = (filter: GradebookFilter, column: string): 'ascending' | 'descending' | undefined =>
  filter.sortBy === column ? (filter.descending ? 'descending' : 'ascending') : undefined;

function ColumnHead(props: {
  course: string;
  filter: GradebookFilter;
  assignment: GradebookAssignment;
  act: (action: ColumnAction, assignment: GradebookAssignment) => void;
}): React.JSX.Element {
  const { course, filter, assignment } = props;
  return (
    <th
      scope="col"
      aria-sort={sortOf(filter, assignment.lesson)}
      data-testid={`column-${assignment.lesson}`}
    >
      <div className="column-head">
        <SortLink
          course={course}
          filter={filter}
          column={assignment.lesson}
          words={assignment.title}
        />
        <ColumnMenu assignment={assignment} act={action => props.act(action, assignment)} />
      </div>
      <div className="column-facts">
        <span>of {numberText(assignment.points)}</span>
        {assignment.due_at !== null && (
          <span>
            due <Moment at={assignment.due_at} />
          </span>
        )}
        {assignment.grades_released_at !== null && (
          <span className="passed" data-testid={`released-${assignment.lesson}`}>
            <Icon shape="check" /> released
          </span>
        )}
      </div>
    </th>
  );
}

interface GridProps {
  course: string;
  filter: GradebookFilter;
  book: Gradebook;
  isStale: boolean;
  act: (action: ColumnAction, assignment: GradebookAssignment) => void;
}

function Row(props: {
  row: GradebookRow;
  index: number;
  spot: Spot;
  assignments: GradebookAssignment[];
  course: string;
  focus: (spot: Spot) => void;
}): React.JSX.Element {
  const { row, index, spot, assignments } = props;
  return (
    <tr data-testid={`gradebook-row-${row.learner.username}`}>
      <th scope="row" className="learner">
        <span
          className="learner-names"
          title={`${row.learner.display_name} (${row.learner.username})`}
        >
          <span>{row.learner.display_name}</span>{' '}
          <span className="quiet small">{row.learner.username}</span>
        </span>
      </th>
      {assignments.map((assignment, column) => {
        const cell = row.cells[assignment.lesson];
        const attempt = cell?.attempt_id ?? null;
        const tabIndex = spot.row === index && spot.column === column ? 0 : -1;
        return (
          <td
            key={assignment.lesson}
            role="gridcell"
            tabIndex={attempt === null ? tabIndex : undefined}
            data-spot={`${index} ${column}`}
            data-testid={`cell-${row.learner.username}-${assignment.lesson}`}
            className="grade"
            style={cell === undefined ? {} : heatStyle(heatOf(cell))}
            title={cell === undefined ? undefined : cellWords(cell, numberText)}
            onFocus={() => props.focus({ row: index, column })}
          >
            {attempt === null ? (
              <CellContent cell={cell} />
            ) : (
              <Link
                to={{ page: 'grading', course: props.course, attempt, test: '' }}
                tabIndex={tabIndex}
              >
                <CellContent cell={cell} />
              </Link>
            )}
          </td>
        );
      })}
      <td role="gridcell" className="number total">
        {numberText(row.total)}
        {row.total_max > 0 && (
          <span className="quiet small"> {percentText((100 * row.total) / row.total_max)}</span>
        )}
      </td>
    </tr>
  );
}

/** Learners × assignments. One cell is in the page's tab order; arrows move from there. */
export function GradeGrid(props: GridProps): React.JSX.Element {
  const { course, filter, book, isStale } = props;
  const { assignments, rows } = book;
  const [wanted, setSpot] = useState<Spot>({ row: 0, column: 0 });
  const table = useRef<HTMLTableElement>(null);
  const spot = {
    row: Math.min(wanted.row, Math.max(0, rows.length - 1)),
    column: Math.min(wanted.column, Math.max(0, assignments.length - 1))
  };
  const press = (event: KeyboardEvent<HTMLTableElement>): void => {
    if (!(event.target instanceof HTMLElement) || event.target.closest('[data-spot]') === null) {
      return;
    }
    const next = spotAfter(
      spot,
      event.key,
      { rows: rows.length, columns: assignments.length },
      {
        withControl: event.ctrlKey || event.metaKey,
        rightToLeft: document.dir === 'rtl'
      }
    );
    if (next !== null) {
      event.preventDefault();
      setSpot(next);
      const cell = table.current?.querySelector<HTMLElement>(
        `[data-spot="${next.row} ${next.column}"]`
      );
      (cell?.querySelector('a') ?? cell)?.focus();
    } else if (event.key.toLowerCase() === 'g' && !event.ctrlKey && !event.metaKey) {
      const lesson = assignments[spot.column]?.lesson;
      const attempt = lesson === undefined ? null : rows[spot.row]?.cells[lesson]?.attempt_id;
      if (attempt) {
        event.preventDefault();
        go({ page: 'grading', course, attempt, test: '' });
      }
    }
  };
  return (
    <div className={`scroll grid-scroll ${isStale ? 'stale' : ''}`} aria-busy={isStale}>
      <table
        ref={table}
        role="grid"
        aria-label="Grades: arrow keys move, Enter opens, G grades"
        className="gradebook"
        data-testid="gradebook-table"
        onKeyDown={press}
      >
        <thead>
          <tr>
            <th scope="col" className="learner" aria-sort={sortOf(filter, 'name')}>
              <SortLink
                course={course}
                filter={filter}
                column="name"
                words="Learner"
                firstDown={false}
              />
            </th>
            {assignments.map(assignment => (
              <ColumnHead
                key={assignment.lesson}
                course={course}
                filter={filter}
                assignment={assignment}
                act={props.act}
              />
            ))}
            <th scope="col" className="number total" aria-sort={sortOf(filter, 'total')}>
              <SortLink course={course} filter={filter} column="total" words="Total" />
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <Row
              key={row.learner.username}
              row={row}
              index={index}
              spot={spot}
              assignments={assignments}
              course={course}
              focus={setSpot}
            />
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row" className="learner">
              Mean
            </th>
            {assignments.map(assignment => {
              const mean = book.means[assignment.lesson];
              return (
                <td key={assignment.lesson} className="grade">
                  {mean === null || mean === undefined ? '–' : numberText(mean)}
                </td>
              );
            })}
            <td className="total" />
          </tr>
        </tfoot>
      </table>
    </div>
  );
}
