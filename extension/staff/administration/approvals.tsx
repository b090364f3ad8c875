import { useRef, useState, type KeyboardEvent } from 'react';

import {
  decideJoins,
  readJoins,
  type CohortPage,
  type Join,
  type JoinDecision
} from '../api/administration';
import { useLast, useRemote } from '../api/remote';
import { useAnnounce } from '../components/announcer';
import { Dialog } from '../components/dialog';
import { countText, Moment } from '../components/figures';
import { useKeys } from '../components/keys';
import { Empty, Failure, Skeleton } from '../components/notices';
import { Page } from '../components/page';
import { Pager } from '../components/pager';
import { useAction } from '../components/use_action';
import { DECIDE_JOINS, mayAdministrate, useSession } from '../frame/session';
import { go, Link } from '../navigation/router';

import { JOIN_STATES, type JoinState } from './addresses';
import { CohortTabs } from './tabs';
import { useCohort } from './use_cohort';
import { useWaiting } from './waiting';
import { JOIN_WORDS, joiningWords } from './words';

const ROWS = 50;
const EVERY_MS = 10_000;
const LONGEST_REASON = 500;

/** How people hear of what was decided about them; null while it is not known. */
function tellingWords(cohort: CohortPage | null): string | null {
  if (cohort === null) {
    return null;
  }
  return cohort.told_by_mail
    ? 'People hear of a decision by mail, with the reason.'
    : 'Nobody is told by mail, since the hub has no mail server: people read it when they sign in next.';
}

const people = (count: number): string => countText(count, 'person', 'people');

function DeclineDialog(props: {
  joins: Join[];
  isBusy: boolean;
  isTold: boolean;
  decline: (reason: string) => void;
  close: () => void;
}): React.JSX.Element {
  const { joins } = props;
  const [reason, setReason] = useState('');
  const [only] = joins;
  return (
    <Dialog
      title={
        joins.length === 1 && only
          ? `Decline ${only.display_name}?`
          : `Decline ${people(joins.length)}?`
      }
      close={props.close}
      testId="decline-dialog"
    >
      <form
        className="form"
        onSubmit={event => {
          event.preventDefault();
          props.decline(reason.trim());
        }}
      >
        <p>
          They can’t sign in here. You can still approve them later, from the list of the declined.
        </p>
        <label className="field">
          <span>
            {props.isTold
              ? 'Reason, which they get by mail and read when they sign in (may stay empty)'
              : 'Reason, which they read when they sign in (may stay empty)'}
          </span>
          <textarea
            value={reason}
            maxLength={LONGEST_REASON}
            data-testid="decline-reason"
            onChange={event => setReason(event.target.value)}
          />
        </label>
        <p className="actions">
          <button
            type="submit"
            className="button primary"
            disabled={props.isBusy}
            data-testid="decline-confirm"
          >
            Decline
          </button>
          <button type="button" className="button" disabled={props.isBusy} onClick={props.close}>
            Cancel
          </button>
        </p>
      </form>
    </Dialog>
  );
}

function Row(props: {
  join: Join;
  state: JoinState;
  isSelected: boolean;
  toggle: (() => void) | null;
}): React.JSX.Element {
  const { join, state, toggle } = props;
  return (
    <tr data-testid={`join-${join.username}`} className={props.isSelected ? 'selected' : undefined}>
      {toggle && (
        <td className="pick">
          <input
            type="checkbox"
            checked={props.isSelected}
            aria-label={`Select ${join.display_name}`}
            onChange={toggle}
          />
        </td>
      )}
      <th scope="row">
        {join.display_name} <span className="quiet small">{join.username}</span>
      </th>
      <td>{join.email}</td>
      <td>
        <Moment at={join.asked_at} />
      </td>
      {state !== 'waiting' && (
        <>
          <td>
            {join.decided_by}
            {join.decided_at !== null && (
              <>
                , <Moment at={join.decided_at} />
              </>
            )}
          </td>
          <td>{join.reason ?? <span className="quiet">–</span>}</td>
        </>
      )}
    </tr>
  );
}

/** Moves the focus to the tick before or after the one that has it. */
function step(table: HTMLElement | null, by: 1 | -1): void {
  const ticks = [...(table?.querySelectorAll<HTMLElement>('tbody input') ?? [])];
  const at = ticks.findIndex(tick => tick === document.activeElement);
  const next = at < 0 ? (by === 1 ? 0 : ticks.length - 1) : at + by;
  ticks[next]?.focus();
}

/** People who asked to join: several are selected and decided at once. New ones come in while one looks. */
export function ApprovalsPage(props: { state: JoinState; number: number }): React.JSX.Element {
  const { state, number } = props;
  const profile = useSession();
  const mayDecide = mayAdministrate(profile, DECIDE_JOINS) && state !== 'approved';
  const cohort = useCohort();
  const telling = tellingWords(cohort.data);
  const waiting = useWaiting();
  const announce = useAnnounce();
  const joins = useRemote(
    `joins ${state} ${number}`,
    signal => readJoins({ state, page: number, limit: ROWS }, signal),
    () => EVERY_MS
  );
  const list = useLast(joins.data, state);
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const [isDeclining, setDeclining] = useState(false);
  const [left, setLeft] = useState<string[]>([]);
  const action = useAction();
  const table = useRef<HTMLDivElement>(null);
  const items = list?.items ?? [];
  // Who was decided by somebody else meanwhile is no longer selected.
  const selected = items.filter(join => picked.has(join.id));
  const toggle = (id: string): void => {
    const next = new Set(picked);
    if (!next.delete(id)) {
      next.add(id);
    }
    setPicked(next);
  };
  const toggleAll = (): void =>
    setPicked(selected.length === items.length ? new Set() : new Set(items.map(join => join.id)));

  const decide = (decision: JoinDecision, reason: string): Promise<boolean> => {
    const deciding = selected;
    return action.run(async () => {
      const answer = await decideJoins(
        deciding.map(join => join.id),
        decision,
        reason
      );
      const names = new Map(deciding.map(join => [join.id, join.display_name]));
      setLeft(answer.left.map(({ id, why }) => `${names.get(id) ?? 'Somebody'}: ${why}`));
      setPicked(new Set(answer.left.map(({ id }) => id)));
      announce(
        decision === 'approve'
          ? `${people(answer.decided)} approved.`
          : `${people(answer.decided)} declined.`
      );
      setDeclining(false);
      joins.reload();
      waiting.reload();
      // The rows that had the focus are about to go.
      table.current?.focus();
    });
  };
  const approve = (): void => {
    if (mayDecide && selected.length > 0 && !action.isBusy) {
      void decide('approve', '');
    }
  };
  const askToDecline = (): void => {
    if (mayDecide && state === 'waiting' && selected.length > 0) {
      setDeclining(true);
    }
  };
  const keys: Record<string, () => void> = {
    j: () => step(table.current, 1),
    k: () => step(table.current, -1),
    a: approve,
    d: askToDecline
  };
  useKeys(keys);
  const press = (event: KeyboardEvent): void => {
    // A tick has the focus while one moves through the list, and takes no letters of its own.
    const isTick = event.target instanceof HTMLInputElement && event.target.type === 'checkbox';
    if (isTick && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const act = keys[event.key.toLowerCase()];
      if (act) {
        event.preventDefault();
        act();
      }
    }
  };
  return (
    <Page title="Approvals" about={state} testId="approvals-page">
      <CohortTabs current="approvals" />
      <search className="filters">
        <label>
          <span>Show</span>
          <select
            value={state}
            data-testid="joins-state"
            onChange={event => {
              setPicked(new Set());
              setLeft([]);
              go({
                page: 'approvals',
                state: JOIN_STATES.find(known => known === event.target.value) ?? 'waiting',
                number: 1
              });
            }}
          >
            {JOIN_STATES.map(known => (
              <option key={known} value={known}>
                {JOIN_WORDS[known]}
              </option>
            ))}
          </select>
        </label>
        {mayDecide && items.length > 0 && (
          <>
            <button
              type="button"
              className="button primary"
              disabled={selected.length === 0 || action.isBusy}
              data-testid="approve"
              title="Approve the selected people (A)"
              onClick={approve}
            >
              {selected.length > 0 ? `Approve ${selected.length}` : 'Approve'}
            </button>
            {state === 'waiting' && (
              <button
                type="button"
                className="button"
                disabled={selected.length === 0 || action.isBusy}
                data-testid="decline"
                title="Decline the selected people (D)"
                onClick={askToDecline}
              >
                {selected.length > 0 ? `Decline ${selected.length}…` : 'Decline…'}
              </button>
            )}
          </>
        )}
      </search>
      {action.problem && <Failure problem={action.problem} retry={action.clear} />}
      {left.length > 0 && (
        <div className="notice waiting" role="alert" data-testid="joins-left">
          <p>Not everybody could be decided. {left.join(' ')}</p>
        </div>
      )}
      {joins.problem && <Failure problem={joins.problem} retry={joins.reload} />}
      {list === null && joins.problem === null && <Skeleton rows={6} />}
      {list?.total === 0 && (
        <Empty
          title={
            state === 'waiting'
              ? 'Nobody waits'
              : state === 'approved'
                ? 'Nobody was approved yet'
                : 'Nobody was declined'
          }
        >
          {state === 'waiting' && cohort.data && (
            <p>
              {joiningWords(cohort.data.joining)}{' '}
              <Link to={{ page: 'cohort' }}>Change who may join</Link>.
            </p>
          )}
          {state === 'waiting' && telling !== null && <p data-testid="telling">{telling}</p>}
        </Empty>
      )}
      {list !== null && list.total > 0 && (
        <>
          <div
            ref={table}
            className="scroll"
            role="region"
            aria-label="Requests to join"
            tabIndex={0}
            onKeyDown={press}
          >
            <table data-testid="joins-table">
              <caption className="unseen">People who asked to join: {JOIN_WORDS[state]}</caption>
              <thead>
                <tr>
                  {mayDecide && (
                    <th scope="col" className="pick">
                      <input
                        type="checkbox"
                        aria-label="Select everybody on this page"
                        data-testid="select-all"
                        checked={items.length > 0 && selected.length === items.length}
                        onChange={toggleAll}
                      />
                    </th>
                  )}
                  <th scope="col">Person</th>
                  <th scope="col">Verified mail address</th>
                  <th scope="col">Asked</th>
                  {state !== 'waiting' && (
                    <>
                      <th scope="col">Decided by</th>
                      <th scope="col">Reason</th>
                    </>
                  )}
                </tr>
              </thead>
              <tbody>
                {items.map(join => (
                  <Row
                    key={join.id}
                    join={join}
                    state={state}
                    isSelected={picked.has(join.id)}
                    toggle={mayDecide ? () => toggle(join.id) : null}
                  />
                ))}
              </tbody>
            </table>
          </div>
          <div className="below">
            {mayDecide && (
              <p className="quiet small keys">
                <kbd>J</kbd> and <kbd>K</kbd> move, <kbd>Space</kbd> selects, <kbd>A</kbd> approves
                {state === 'waiting' && (
                  <>
                    , <kbd>D</kbd> declines
                  </>
                )}
              </p>
            )}
            <Pager
              page={list.page}
              limit={list.limit}
              total={list.total}
              to={page => ({ page: 'approvals', state, number: page })}
            />
          </div>
          {telling !== null && (
            <p className="quiet small" data-testid="telling">
              {telling}
            </p>
          )}
        </>
      )}
      {isDeclining && (
        <DeclineDialog
          joins={selected}
          isBusy={action.isBusy}
          isTold={cohort.data?.told_by_mail === true}
          decline={reason => void decide('decline', reason)}
          close={() => setDeclining(false)}
        />
      )}
    </Page>
  );
}
