// The frame around every page: header, the notice about origins, and who may come in.

import type { ReactNode } from 'react';

import { isAdministration, type AdministrationPlace } from '../administration/addresses';
import { ApprovalsPage } from '../administration/approvals';
import { CohortPageView } from '../administration/cohort';
import { CohortAuditPage } from '../administration/cohort_audit';
import { MemberPage } from '../administration/member';
import { MembersPage } from '../administration/members';
import { RosterPage } from '../administration/roster';
import { firstPage, maySee } from '../administration/tabs';
import { WaitingBadge, WaitingProvider } from '../administration/waiting';
import { AuditPage } from '../audit/audit';
import { useRemote } from '../api/remote';
import { readProfile, type Profile } from '../api/staff';
import { Announcer } from '../components/announcer';
import { TimeZone } from '../components/figures';
import { Icon } from '../components/icons';
import { Loaded } from '../components/notices';
import { Assignments } from '../courses/assignments';
import { Home } from '../courses/home';
import { GradebookPage } from '../gradebook/gradebook';
import { GradingPage } from '../grading/grading';
import { QuestionPage } from '../grading_queue/question';
import { QueuePage } from '../grading_queue/queue';
import { DeadLettersPage } from '../jobs/dead_letters';
import { PlatformsPage } from '../learning_platforms/platforms';
import type { Place } from '../navigation/addresses';
import { Link, usePlace } from '../navigation/router';
import { RegradesPage } from '../regrades/regrades';
import { settings } from '../settings';
import { AttemptPage } from '../submissions/attempt';
import { AttemptsPage } from '../submissions/attempts';

import { NotForYou, NotStaff, UnknownPage } from './doors';
import { DEAD_LETTERS, may, SessionProvider, STAFF } from './session';

function NoSubdomains(): React.JSX.Element {
  return (
    <aside className="banner" aria-label="About this hub" data-testid="no-subdomains-notice">
      <Icon shape="warning" />
      <p>
        This hub runs without subdomains: learners’ servers share the address of these pages, where
        their code could act in your name. That is for trying out only.
      </p>
    </aside>
  );
}

function Header(props: {
  place: Place;
  profile: Profile | null;
  /** Whether the profile is still on its way: a name that comes later would push what stands beside it. */
  isLoading: boolean;
}): React.JSX.Element {
  const { place, profile } = props;
  const isStaff = profile !== null && may(profile, STAFF);
  const cohort = profile === null ? null : firstPage(profile);
  return (
    <header className="top">
      <Link to={{ page: 'home' }} className="brand">
        <svg width="22" height="22" viewBox="0 0 24 24" aria-hidden="true" fill="currentColor">
          <path d="M12 3 1 8.5 12 14l9-4.5V16h2V8.5L12 3Z" />
          <path d="M5 12.4V17c0 1.9 3.1 3.5 7 3.5s7-1.6 7-3.5v-4.6l-7 3.5-7-3.5Z" />
        </svg>
        Studyhall
      </Link>
      {(isStaff || cohort) && (
        <nav className="top-pages" aria-label="Main">
          {isStaff && (
            <Link to={{ page: 'home' }} current={place.page === 'home' ? 'page' : undefined}>
              Home
            </Link>
          )}
          {isStaff && may(profile, DEAD_LETTERS) && (
            <Link
              to={{ page: 'dead-letters', number: 1 }}
              current={place.page === 'dead-letters' ? 'page' : undefined}
            >
              Dead letters
            </Link>
          )}
          {/* The last one: its number comes later and would push what stands behind it. */}
          {cohort && (
            <Link
              to={cohort}
              current={isAdministration(place) ? 'true' : undefined}
              testId="top-cohort"
            >
              Cohort
              <WaitingBadge />
            </Link>
          )}
        </nav>
      )}
      {!props.isLoading && (
        <div className="top-person">
          <span title={settings.username}>{profile?.display_name ?? settings.username}</span>
          <a href={`${settings.hub}logout`}>Sign out</a>
        </div>
      )}
    </header>
  );
}

function cohortPage(place: AdministrationPlace): ReactNode {
  switch (place.page) {
    case 'cohort':
      return <CohortPageView />;
    case 'members':
      return <MembersPage filter={place.filter} />;
    case 'member':
      return <MemberPage username={place.username} filter={place.filter} />;
    case 'approvals':
      return <ApprovalsPage state={place.state} number={place.number} />;
    case 'roster':
      return <RosterPage />;
    case 'cohort-audit':
      return <CohortAuditPage filter={place.filter} />;
  }
}

/** The page at an address, or what stands in for it where the person may not see it. */
function pageFor(profile: Profile, place: Place): ReactNode {
  if (isAdministration(place)) {
    return maySee(profile, place) ? cohortPage(place) : <NotForYou profile={profile} />;
  }
  if (may(profile, STAFF)) {
    return page(place);
  }
  // Who runs the cohort and teaches no course begins with the cohort.
  const first = firstPage(profile);
  if (first === null) {
    return <NotStaff profile={profile} />;
  }
  return place.page === 'home' && isAdministration(first) ? (
    cohortPage(first)
  ) : (
    <NotForYou profile={profile} />
  );
}

function page(place: Exclude<Place, AdministrationPlace>): ReactNode {
  switch (place.page) {
    case 'home':
      return <Home />;
    case 'assignments':
      return <Assignments course={place.course} />;
    case 'attempts':
      return <AttemptsPage course={place.course} filter={place.filter} />;
    case 'attempt':
      return <AttemptPage course={place.course} attempt={place.attempt} filter={place.filter} />;
    case 'regrades':
      return <RegradesPage course={place.course} lesson={place.lesson} number={place.number} />;
    case 'gradebook':
      return <GradebookPage course={place.course} filter={place.filter} />;
    case 'grading':
      return <GradingPage course={place.course} attempt={place.attempt} test={place.test} />;
    case 'queue':
      return <QueuePage course={place.course} />;
    case 'question':
      return (
        <QuestionPage course={place.course} question={place.question} attempt={place.attempt} />
      );
    case 'audit':
      return <AuditPage course={place.course} filter={place.filter} />;
    case 'platforms':
      return <PlatformsPage course={place.course} />;
    case 'dead-letters':
      return <DeadLettersPage number={place.number} />;
    case 'unknown':
      return <UnknownPage />;
  }
}

export function App(): React.JSX.Element {
  const place = usePlace();
  const profile = useRemote('me', readProfile);
  return (
    <Announcer>
      <WaitingProvider profile={profile.data}>
        <a className="skip" href="#content">
          Skip to content
        </a>
        <Header
          place={place}
          profile={profile.data}
          isLoading={profile.data === null && profile.problem === null}
        />
        {!settings.subdomains && <NoSubdomains />}
        <main id="content" tabIndex={-1}>
          <Loaded of={profile}>
            {person => (
              <SessionProvider value={person}>
                <TimeZone.Provider value={person.timezone}>
                  {pageFor(person, place)}
                </TimeZone.Provider>
              </SessionProvider>
            )}
          </Loaded>
        </main>
      </WaitingProvider>
    </Announcer>
  );
}
