import { useId, useLayoutEffect, useRef } from 'react';

import type { GradedCell, Grading } from '../api/grading';
import type { StaffReport, TestResult } from '../api/staff';
import { numberText } from '../components/figures';
import { Icon } from '../components/icons';
import { TestMark } from '../components/status';

import { AnswerText } from './answer';
import { GradeForm } from './form';
import type { Saved } from './use_grade';

interface ListProps {
  grading: Grading;
  report: StaffReport | null;
  /** Id of the cell that is open. */
  opened: string;
  open: (test: string) => void;
  canWrite: boolean;
  refresh: () => void;
  saved: (saved: Saved, goesOn: boolean) => void;
  startsInScore: boolean;
}

/** What a cell has now: by hand where somebody gave it, else by the tests. */
function scoreOf(cell: GradedCell): number | null {
  const score = cell.manual_score ?? cell.auto_score;
  return score === null ? null : score + (cell.extra_credit ?? 0);
}

function Points(props: { cell: GradedCell }): React.JSX.Element {
  const { cell } = props;
  const score = scoreOf(cell);
  if (cell.needs_grading || score === null) {
    return cell.kind === 'answer' ? (
      <span className="quiet">comment only</span>
    ) : (
      <span className="waiting">to grade</span>
    );
  }
  return (
    <>
      {numberText(score)} <span className="quiet">of {numberText(cell.max_points)}</span>
    </>
  );
}

function CellItem(
  props: Omit<ListProps, 'opened' | 'grading' | 'report'> & {
    cell: GradedCell;
    test: TestResult | undefined;
    lesson: string;
    course: string;
    attempt: string;
    isOpen: boolean;
  }
): React.JSX.Element {
  const { cell, test, isOpen } = props;
  const body = useId();
  const item = useRef<HTMLLIElement>(null);
  // While it is drawn: nothing moves under a click that follows.
  useLayoutEffect(() => {
    if (isOpen) {
      item.current?.scrollIntoView({ block: 'nearest' });
    }
  }, [isOpen]);
  return (
    <li ref={item} className={isOpen ? 'open' : ''} data-testid={`grade-cell-${cell.grade_id}`}>
      <h3>
        <button
          type="button"
          className="opener"
          aria-expanded={isOpen}
          aria-controls={isOpen ? body : undefined}
          onClick={() => props.open(cell.test_id)}
        >
          <Icon shape="chevron" className="turns" />
          <span className="cell-title">{cell.title}</span>
          {cell.comment !== null && (
            <span className="quiet">
              <Icon shape="pencil" />
              <span className="unseen">has a comment</span>
            </span>
          )}
          {test && cell.kind === 'auto' && <TestMark status={test.status} />}
          <span className="number">
            <Points cell={cell} />
          </span>
        </button>
      </h3>
      {isOpen && (
        <div className="cell-body" id={body}>
          {(cell.kind === 'manual' || cell.answer !== null) && <AnswerText answer={cell.answer} />}
          {test && cell.kind !== 'manual' && test.staff_message !== '' && (
            <pre className="message" tabIndex={0} aria-label="Message of the test">
              {test.staff_message}
            </pre>
          )}
          {props.canWrite ? (
            <GradeForm
              key={`${props.attempt} ${cell.test_id}`}
              attempt={props.attempt}
              cell={cell}
              place={{ course: props.course, lesson: props.lesson, test: cell.test_id }}
              refresh={props.refresh}
              saved={props.saved}
              startsInScore={props.startsInScore}
            />
          ) : (
            cell.comment !== null && <p>{cell.comment}</p>
          )}
        </div>
      )}
    </li>
  );
}

/** Every cell of an attempt, one of them open. */
export function CellList(props: ListProps): React.JSX.Element {
  const { grading, report, opened, ...rest } = props;
  const { attempt, cells } = grading;
  const notebooks = [...new Set(cells.map(cell => cell.notebook))];
  return (
    <section aria-labelledby="cells">
      <h2 id="cells">Cells</h2>
      {notebooks.map(notebook => (
        <div key={notebook}>
          {notebooks.length > 1 && <p className="quiet small notebook-name">{notebook}.ipynb</p>}
          <ol className="grade-cells">
            {cells
              .filter(cell => cell.notebook === notebook)
              .map(cell => (
                <CellItem
                  key={cell.test_id}
                  {...rest}
                  cell={cell}
                  test={report?.tests.find(test => test.id === cell.test_id)}
                  course={attempt.course}
                  lesson={attempt.lesson}
                  attempt={attempt.id}
                  isOpen={cell.test_id === opened}
                />
              ))}
          </ol>
        </div>
      ))}
    </section>
  );
}
