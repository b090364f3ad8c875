import type { TranslationBundle } from '@jupyterlab/translation';

import type { LearnerReport } from '../api/types';

/** Repairs of cells that are not in the learner's notebook at all: nothing leads to those. */
const DELETED = new Set(['missing_test', 'missing_cell']);

/** What the judge put right in a notebook before it graded, each with the way to the cell that it is about. */
export function Repairs(props: {
  repairs: LearnerReport['repairs'];
  trans: TranslationBundle;
  onGoToCell: (place: { notebook: string; cells: string[] }) => void;
}): React.JSX.Element {
  const { repairs, trans } = props;
  return (
    <div className="sh-Repairs" data-testid="repairs">
      <h3>{trans.__('What was put right before grading')}</h3>
      <ul>
        {repairs.map(({ code, message, notebook, grade_id: cell }, index) => (
          <li key={index}>
            {message}{' '}
            {cell !== null && !DELETED.has(code) && (
              <button
                type="button"
                className="sh-Link"
                // Several of these stand below each other: a screen reader's list of buttons tells them apart.
                aria-label={trans.__('Go to cell: %1', message)}
                data-testid={`go-to-repair-${cell}`}
                onClick={() => props.onGoToCell({ notebook, cells: [cell] })}
              >
                {trans.__('Go to cell')}
              </button>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}
