import type { ReactNode } from 'react';

import {
  COHORT,
  COHORT_AUDIT,
  mayAdministrate,
  READ_JOINS,
  READ_MEMBERS,
  useSession,
  WRITE_MEMBERS
} from '../frame/session';
import type { Place } from '../navigation/addresses';
import { Link } from '../navigation/router';
import type { Profile } from '../api/staff';

import { ALL_MEMBERS, WHOLE_LOG, type AdministrationPlace } from './addresses';
import { WaitingBadge } from './waiting';

interface Tab {
  page: AdministrationPlace['page'];
  words: string;
  to: AdministrationPlace;
  permission: string;
  badge?: ReactNode;
}

const TABS: Tab[] = [
  {
    page: 'members',
    words: 'Members',
    to: { page: 'members', filter: ALL_MEMBERS },
    permission: READ_MEMBERS
  },
  { page: 'roster', words: 'Roster', to: { page: 'roster' }, permission: WRITE_MEMBERS },
  { page: 'cohort', words: 'Cohort', to: { page: 'cohort' }, permission: COHORT },
  {
    page: 'cohort-audit',
    words: 'Audit log',
    to: { page: 'cohort-audit', filter: WHOLE_LOG },
    permission: COHORT_AUDIT
  },
  // The last one: its number comes later and would push what stands behind it.
  {
    page: 'approvals',
    words: 'Approvals',
    to: { page: 'approvals', state: 'waiting', number: 1 },
    permission: READ_JOINS,
    badge: <WaitingBadge />
  }
];

/** The first page of the cohort's that somebody may see; null when there is none. */
export function firstPage(profile: Profile): Place | null {
  return TABS.find(({ permission }) => mayAdministrate(profile, permission))?.to ?? null;
}

/** Whether somebody may see a page of the cohort's. */
export function maySee(profile: Profile, place: AdministrationPlace): boolean {
  const page = place.page === 'member' ? 'members' : place.page;
  return TABS.some(tab => tab.page === page && mayAdministrate(profile, tab.permission));
}

/** The pages about the cohort as a whole, as far as the person may see them. */
export function CohortTabs(props: { current: AdministrationPlace['page'] }): React.JSX.Element {
  const profile = useSession();
  const current = props.current === 'member' ? 'members' : props.current;
  return (
    <nav className="tabs" aria-label="Cohort">
      {TABS.filter(({ permission }) => mayAdministrate(profile, permission)).map(
        ({ page, words, to, badge }) => (
          <Link
            key={page}
            to={to}
            current={current === page ? 'page' : undefined}
            testId={`tab-${page}`}
          >
            {words}
            {badge}
          </Link>
        )
      )}
    </nav>
  );
}
