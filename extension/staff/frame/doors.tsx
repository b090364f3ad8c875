// Pages for those who came to the wrong door or to an address that leads nowhere.

import type { Profile } from '../api/staff';
import { Page } from '../components/page';
import { Link } from '../navigation/router';
import { settings } from '../settings';

/** For people who neither teach nor grade here: what happened and where their lessons are. */
export function NotStaff(props: { profile: Profile }): React.JSX.Element {
  const { profile } = props;
  return (
    <Page title="These pages are for instructors and graders" testId="not-staff">
      <p>
        You are signed in as {profile.display_name} ({profile.username}), who neither teaches nor
        grades a course here. Your lessons and results are in your notebook server.
      </p>
      <p>
        If you should be here, ask the person who runs the course to make you an instructor or a
        grader, then sign out and in again.
      </p>
      <p className="actions">
        <a className="button primary" href={`${settings.hub}spawn`}>
          Open your notebook server
        </a>
        <a className="button" href={`${settings.hub}logout`}>
          Sign out
        </a>
      </p>
    </Page>
  );
}

/** For staff at a page that is not theirs: another role would be needed. */
export function NotForYou(props: { profile: Profile }): React.JSX.Element {
  return (
    <Page title="This page is for others" testId="not-for-you">
      <p>
        You are signed in as {props.profile.display_name} ({props.profile.username}), and your roles
        here do not open it. If they should, ask an owner of the cohort for the role, then sign out
        and in again.
      </p>
      <p className="actions">
        <Link className="button primary" to={{ page: 'home' }}>
          Go to the first page
        </Link>
      </p>
    </Page>
  );
}

export function UnknownPage(): React.JSX.Element {
  return (
    <Page title="There is no such page" testId="unknown-page">
      <p>The link may be old, or a part of it is missing. Your courses are on the first page.</p>
      <p className="actions">
        <Link className="button primary" to={{ page: 'home' }}>
          Go to your courses
        </Link>
      </p>
    </Page>
  );
}
