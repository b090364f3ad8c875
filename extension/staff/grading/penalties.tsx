import { useState } from 'react';

import { Problem } from '../api/client';
import { setPenalty, type Grading } from '../api/grading';
import { useAnnounce } from '../components/announcer';
import { numberText } from '../components/figures';
import { Failure } from '../components/notices';
import { useAction } from '../components/use_action';

import { pointsOf } from './draft';

const CHANGED = 'changed_meanwhile';

function PenaltyRow(props: {
  attempt: string;
  notebook: string;
  penalty: Grading['penalties'][string];
  changed: () => void;
  canChange: boolean;
}): React.JSX.Element {
  const { attempt, notebook, penalty, changed } = props;
  const [typed, setTyped] = useState<string | null>(null);
  const announce = useAnnounce();
  const action = useAction();
  const set = (value: number | null): Promise<boolean> =>
    action.run(async () => {
      try {
        await setPenalty(attempt, notebook, value, penalty.version);
      } catch (error) {
        if (error instanceof Problem && error.code === CHANGED) {
          // What holds now is shown beside what was typed, and can be replaced by it.
          changed();
        }
        throw error;
      }
      setTyped(null);
      announce(value === null ? 'The rule holds again.' : 'Penalty saved.');
      changed();
    });
  const value = pointsOf(typed ?? '');
  const isWrong = value === null || Number.isNaN(value) || value < 0;
  return (
    <li>
      <span>
        <span className="quiet">{notebook}</span> −{numberText(penalty.penalty)}{' '}
        <span className="quiet small">
          {penalty.overridden
            ? `set by hand; the rule says −${numberText(penalty.automatic)}`
            : 'by the late policy'}
        </span>
      </span>
      {typed === null ? (
        props.canChange && (
          <span className="actions">
            <button
              type="button"
              className="button small"
              data-testid={`penalty-change-${notebook}`}
              onClick={() => setTyped(String(penalty.penalty))}
            >
              Change
            </button>
            {penalty.overridden && (
              <button
                type="button"
                className="button small"
                disabled={action.isBusy}
                onClick={() => void set(null)}
              >
                By the rule again
              </button>
            )}
          </span>
        )
      ) : (
        <form
          className="actions"
          onSubmit={event => {
            event.preventDefault();
            if (!isWrong) {
              void set(value);
            }
          }}
        >
          <label>
            <span className="unseen">Penalty in points</span>
            <input
              type="text"
              inputMode="decimal"
              className="tiny"
              value={typed}
              data-testid={`penalty-${notebook}`}
              onChange={event => setTyped(event.target.value)}
            />
          </label>
          <button type="submit" className="button small" disabled={action.isBusy || isWrong}>
            Save
          </button>
          <button
            type="button"
            className="button small"
            onClick={() => {
              setTyped(null);
              action.clear();
            }}
          >
            Cancel
          </button>
        </form>
      )}
      {action.problem &&
        (action.problem.code === CHANGED ? (
          <div className="notice waiting" role="alert" data-testid={`penalty-changed-${notebook}`}>
            <p>
              Somebody else has set this penalty meanwhile; what holds now stands above. What you
              typed is not saved yet: save it to put it in its place, or cancel.
            </p>
          </div>
        ) : (
          <Failure problem={action.problem} retry={action.clear} />
        ))}
    </li>
  );
}

/** What lateness takes from each notebook, and a way to decide otherwise. */
export function Penalties(props: {
  attempt: string;
  grading: Grading;
  changed: () => void;
  canChange: boolean;
}): React.JSX.Element | null {
  const { attempt, grading, changed, canChange } = props;
  const entries = Object.entries(grading.penalties).filter(
    ([, penalty]) => penalty.penalty > 0 || penalty.automatic > 0 || penalty.overridden
  );
  if (entries.length === 0) {
    return null;
  }
  return (
    <section aria-labelledby="penalties" data-testid="penalties">
      <h2 id="penalties">Late penalty</h2>
      <ul className="given">
        {entries.map(([notebook, penalty]) => (
          <PenaltyRow
            key={notebook}
            attempt={attempt}
            notebook={notebook}
            penalty={penalty}
            changed={changed}
            canChange={canChange}
          />
        ))}
      </ul>
    </section>
  );
}
