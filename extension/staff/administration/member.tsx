import { useState } from 'react';

import { readMember, removeMember, restoreMember, type Member } from '../api/administration';
import { useRemote } from '../api/remote';
import { useAnnounce } from '../components/announcer';
import { Dialog } from '../components/dialog';
import { Moment } from '../components/figures';
import { Failure, Loaded } from '../components/notices';
import { Page } from '../components/page';
import { useAction } from '../components/use_action';
import {
  COHORT_AUDIT,
  mayAdministrate,
  useSession,
  WRITE_MEMBERS,
  WRITE_ROLES
} from '../frame/session';
import { Link } from '../navigation/router';

import { WHOLE_LOG, type MembersFilter } from './addresses';
import { CoursesForm } from './courses_form';
import { RolesForm } from './roles_form';
import { CohortTabs } from './tabs';
import { useCohort } from './use_cohort';

const LONGEST_REASON = 500;

function RemoveDialog(props: {
  member: Member;
  done: () => void;
  close: () => void;
}): React.JSX.Element {
  const { member } = props;
  const [reason, setReason] = useState('');
  const action = useAction();
  const remove = (): Promise<boolean> =>
    action.run(async () => {
      await removeMember(member.username, reason.trim());
      props.done();
    });
  return (
    <Dialog title={`Remove ${member.display_name}?`} close={props.close} testId="remove-dialog">
      <form
        className="form"
        onSubmit={event => {
          event.preventDefault();
          void remove();
        }}
      >
        <p>
          They can no longer sign in here, and have no role any more. Their work, attempts and
          grades stay, and you can bring them back at any time.
        </p>
        <label className="field">
          <span>Reason, which they read when they try to sign in (may stay empty)</span>
          <textarea
            value={reason}
            maxLength={LONGEST_REASON}
            data-testid="remove-reason"
            onChange={event => setReason(event.target.value)}
          />
        </label>
        {action.problem && <Failure problem={action.problem} retry={() => void remove()} />}
        <p className="actions">
          <button
            type="submit"
            className="button primary"
            disabled={action.isBusy}
            data-testid="remove-confirm"
          >
            Remove
          </button>
          <button type="button" className="button" disabled={action.isBusy} onClick={props.close}>
            Cancel
          </button>
        </p>
      </form>
    </Dialog>
  );
}

function Facts(props: { member: Member }): React.JSX.Element {
  const { member } = props;
  return (
    <dl className="facts" data-testid="member-facts">
      <div>
        <dt>Username</dt>
        <dd>{member.username}</dd>
      </div>
      <div>
        <dt>Mail address</dt>
        <dd>{member.email ?? <span className="quiet">not known</span>}</dd>
      </div>
      <div>
        <dt>Joined</dt>
        <dd>
          <Moment at={member.joined_at} />
        </dd>
      </div>
      <div>
        <dt>Last seen</dt>
        <dd>
          {member.last_seen_at === null ? (
            <span className="quiet">never</span>
          ) : (
            <Moment at={member.last_seen_at} />
          )}
        </dd>
      </div>
    </dl>
  );
}

function Removed(props: {
  member: Member;
  mayRestore: boolean;
  done: () => void;
}): React.JSX.Element {
  const { member } = props;
  const action = useAction();
  const announce = useAnnounce();
  const restore = (): Promise<boolean> =>
    action.run(async () => {
      await restoreMember(member.username);
      announce(`${member.display_name} is a member again.`);
      props.done();
    });
  return (
    <>
      <div className="notice waiting" role="status" data-testid="member-removed">
        <p>
          {member.display_name} was removed and can’t sign in. Their work and grades are still here.
        </p>
        {props.mayRestore && (
          <button
            type="button"
            className="button"
            disabled={action.isBusy}
            data-testid="member-restore"
            onClick={() => void restore()}
          >
            Bring back
          </button>
        )}
      </div>
      {action.problem && <Failure problem={action.problem} retry={() => void restore()} />}
    </>
  );
}

function Person(props: { member: Member; reload: () => void }): React.JSX.Element {
  const { member, reload } = props;
  const profile = useSession();
  const cohort = useCohort();
  // What somebody may give depends on the roles that they hold themselves.
  const self = useRemote(`member ${profile.username}`, signal =>
    readMember(profile.username, signal)
  );
  const announce = useAnnounce();
  const [isRemoving, setRemoving] = useState(false);
  const isSelf = member.username === profile.username;
  const mayWrite = mayAdministrate(profile, WRITE_MEMBERS);
  return (
    <>
      <Facts member={member} />
      {member.state === 'removed' ? (
        <Removed member={member} mayRestore={mayWrite} done={reload} />
      ) : (
        <div className="person">
          <section aria-labelledby="cohort-roles" className="card">
            <h2 id="cohort-roles">In the cohort</h2>
            <RolesForm
              key={member.username}
              member={member}
              giver={mayAdministrate(profile, WRITE_ROLES) ? (self.data?.roles ?? []) : []}
              isSelf={isSelf}
              changed={reload}
              reload={reload}
            />
          </section>
          <section aria-labelledby="courses" className="card">
            <h2 id="courses">In courses</h2>
            <CoursesForm
              key={member.username}
              member={member}
              courses={cohort.data?.courses ?? []}
              mayChange={mayAdministrate(profile, WRITE_ROLES)}
              isSelf={isSelf}
              changed={reload}
            />
          </section>
        </div>
      )}
      <div className="actions">
        {mayAdministrate(profile, COHORT_AUDIT) && (
          <Link
            className="button"
            to={{ page: 'cohort-audit', filter: { ...WHOLE_LOG, actor: member.username } }}
          >
            What they did
          </Link>
        )}
        {mayAdministrate(profile, COHORT_AUDIT) && (
          <Link
            className="button"
            to={{ page: 'cohort-audit', filter: { ...WHOLE_LOG, object: member.username } }}
          >
            What was changed of them
          </Link>
        )}
        {mayWrite && member.state === 'member' && !isSelf && (
          <button
            type="button"
            className="button danger"
            data-testid="member-remove"
            onClick={() => setRemoving(true)}
          >
            Remove from the cohort…
          </button>
        )}
      </div>
      {isRemoving && (
        <RemoveDialog
          member={member}
          close={() => setRemoving(false)}
          done={() => {
            setRemoving(false);
            announce(`${member.display_name} is removed. You can bring them back.`);
            reload();
          }}
        />
      )}
    </>
  );
}

/** One person: who they are, what they may do here, and taking them out or bringing them back. */
export function MemberPage(props: { username: string; filter: MembersFilter }): React.JSX.Element {
  const { username, filter } = props;
  const member = useRemote(`member ${username}`, signal => readMember(username, signal));
  return (
    <Page
      title={member.data?.display_name ?? username}
      about={username}
      crumbs={[{ title: 'Members', to: { page: 'members', filter } }]}
      testId="member-page"
    >
      <CohortTabs current="member" />
      <Loaded of={member}>
        {person => <Person key={username} member={person} reload={member.reload} />}
      </Loaded>
    </Page>
  );
}
