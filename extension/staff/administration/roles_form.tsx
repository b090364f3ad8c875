import { useRef, useState } from 'react';

import { changeRoles, type Member } from '../api/administration';
import { Problem } from '../api/client';
import { useAnnounce } from '../components/announcer';
import { Failure } from '../components/notices';
import { useAction } from '../components/use_action';

import { COHORT_ROLES, type CohortRole } from './addresses';
import { givable, ROLE_ABOUT, ROLE_WORDS, roleWords } from './words';

const CHANGED = 'changed_meanwhile';

function known(roles: readonly string[]): CohortRole[] {
  return COHORT_ROLES.filter(role => roles.includes(role));
}

const same = (one: CohortRole[], other: CohortRole[]): boolean =>
  one.length === other.length && one.every(role => other.includes(role));

const listed = (roles: CohortRole[]): string =>
  roles.length === 0 ? 'no role' : roles.map(roleWords).join(', ');

/**
 * A member's roles in the cohort. What somebody ticks stays when the page is loaded again: it is compared with what
 * was there when they began, and a change by somebody else meanwhile is said before anything is sent.
 */
export function RolesForm(props: {
  member: Member;
  /** The roles of whoever looks at it; none where they may change nothing. */
  giver: readonly string[];
  isSelf: boolean;
  changed: (member: Member) => void;
  reload: () => void;
}): React.JSX.Element {
  const { member } = props;
  const now = known(member.roles);
  const [chosen, setChosen] = useState<CohortRole[] | null>(null);
  const began = useRef(now);
  const action = useAction();
  const announce = useAnnounce();
  const can = givable(props.giver);
  const shown = chosen ?? now;
  const isEdited = chosen !== null && !same(chosen, now);
  const isOutdated = chosen !== null && !same(began.current, now);
  const toggle = (role: CohortRole): void => {
    if (chosen === null) {
      began.current = now;
    }
    setChosen(shown.includes(role) ? shown.filter(other => other !== role) : [...shown, role]);
  };
  const reset = (): void => {
    setChosen(null);
    action.clear();
  };
  const save = (): Promise<boolean> =>
    action.run(async () => {
      try {
        const saved = await changeRoles(member.username, shown, now);
        setChosen(null);
        announce(`Saved: ${listed(known(saved.roles))}.`);
        props.changed(saved);
      } catch (error) {
        if (error instanceof Problem && error.code === CHANGED) {
          // What is there now is shown beside what was chosen here.
          props.reload();
        }
        throw error;
      }
    });
  return (
    <form
      className="form"
      data-testid="roles-form"
      onSubmit={event => {
        event.preventDefault();
        void save();
      }}
    >
      <fieldset className="choices" disabled={action.isBusy}>
        <legend className="unseen">Roles in the cohort</legend>
        {COHORT_ROLES.map(role => {
          const isHeld = shown.includes(role);
          const cannot = !can.has(role) || (props.isSelf && !now.includes(role));
          return (
            <label key={role} className="choice">
              <input
                type="checkbox"
                checked={isHeld}
                disabled={cannot}
                data-testid={`role-${role}`}
                onChange={() => toggle(role)}
              />
              <span>
                {ROLE_WORDS[role]}
                <span className="quiet small">{ROLE_ABOUT[role]}</span>
              </span>
            </label>
          );
        })}
      </fieldset>
      {props.isSelf && (
        <p className="quiet small">
          Nobody gives themselves a role: another owner does that. You may give up one that you
          have.
        </p>
      )}
      {isOutdated && isEdited && (
        <div className="notice waiting" role="status" data-testid="roles-outdated">
          <p>
            Somebody else changed this meanwhile: {member.display_name} now has {listed(now)}. Your
            choice is kept; look at it again, then save, or begin anew.
          </p>
        </div>
      )}
      {action.problem &&
        (action.problem.code === CHANGED ? (
          !isOutdated && (
            <div className="notice waiting" role="alert">
              <p>{action.problem.message}</p>
            </div>
          )
        ) : (
          <Failure problem={action.problem} retry={() => void save()} />
        ))}
      {can.size > 0 && (
        <p className="actions">
          <button
            type="submit"
            className="button primary"
            disabled={!isEdited || action.isBusy}
            data-testid="roles-save"
          >
            Save roles
          </button>
          {isEdited && (
            <button type="button" className="button" disabled={action.isBusy} onClick={reset}>
              Begin anew
            </button>
          )}
        </p>
      )}
    </form>
  );
}
