// How many people wait to join: one count for the navigation and the pages, renewed while somebody looks.

import { createContext, useContext, type ReactNode } from 'react';

import { readJoins } from '../api/administration';
import { useRemote } from '../api/remote';
import type { Profile } from '../api/staff';
import { mayAdministrate, READ_JOINS } from '../frame/session';

interface Waiting {
  /** Null while it is not known, or not for this person. */
  count: number | null;
  reload: () => void;
}

const WaitingContext = createContext<Waiting>({ count: null, reload: () => undefined });

const EVERY_MS = 10_000;

export const useWaiting = (): Waiting => useContext(WaitingContext);

/** Counts for whoever may decide; for others it asks nothing. */
export function WaitingProvider(props: {
  profile: Profile | null;
  children: ReactNode;
}): React.JSX.Element {
  const counts = props.profile !== null && mayAdministrate(props.profile, READ_JOINS);
  const joins = useRemote(
    counts ? 'joins waiting count' : null,
    signal => readJoins({ state: 'waiting', limit: 1 }, signal),
    () => EVERY_MS
  );
  return (
    <WaitingContext.Provider value={{ count: joins.data?.total ?? null, reload: joins.reload }}>
      {props.children}
    </WaitingContext.Provider>
  );
}

/** The number beside a link, said in full to those who hear it. */
export function WaitingBadge(): React.JSX.Element | null {
  const { count } = useWaiting();
  if (count === null || count === 0) {
    return null;
  }
  return (
    <span className="badge" data-testid="waiting-count">
      <span aria-hidden="true">{count > 99 ? '99+' : count}</span>
      <span className="unseen">
        {count === 1 ? ', 1 person waits to join' : `, ${count} people wait to join`}
      </span>
    </span>
  );
}
