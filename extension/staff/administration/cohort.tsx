import { useId, useState } from 'react';

import { changeCohort, readCohorts, type CohortPage } from '../api/administration';
import { useRemote } from '../api/remote';
import { useAnnounce } from '../components/announcer';
import { countText, numberText } from '../components/figures';
import { Empty, Failure, Loaded } from '../components/notices';
import { Page } from '../components/page';
import { useAction } from '../components/use_action';
import { COHORTS, mayAdministrate, useSession, WRITE_COHORT } from '../frame/session';

import { JoiningForm } from './joining_form';
import { CohortTabs } from './tabs';
import { useCohort } from './use_cohort';
import { PLAN_WORDS, sizeText, STATE_WORDS } from './words';

const day = (text: string | null): React.JSX.Element =>
  text === null ? <span className="quiet">–</span> : <time dateTime={text}>{text}</time>;

/** How much of what the plan allows is used: a bar with its numbers in words. */
function Seats(props: { used: number; most: number | null }): React.JSX.Element {
  const { used, most } = props;
  const words =
    most === null
      ? `${countText(used, 'member', 'members')}, and no limit`
      : `${numberText(used)} of ${countText(most, 'member', 'members')}`;
  const id = useId();
  const isFull = most !== null && used >= most;
  return (
    <div className="seats" data-testid="seats">
      <span id={id} className={isFull ? 'failed' : undefined}>
        {words}
      </span>
      {most !== null && (
        <meter aria-labelledby={id} min={0} max={most} value={Math.min(used, most)} />
      )}
      {isFull && (
        <p className="quiet small">
          The plan is full: nobody else can join. Remove somebody who has left, or ask for another
          plan.
        </p>
      )}
    </div>
  );
}

function Name(props: { page: CohortPage; changed: () => void }): React.JSX.Element {
  const { name } = props.page.cohort;
  const [typed, setTyped] = useState<string | null>(null);
  const action = useAction();
  const announce = useAnnounce();
  const shown = typed ?? name;
  const save = (): Promise<boolean> =>
    action.run(async () => {
      await changeCohort({ name: shown.trim() });
      setTyped(null);
      announce('Saved.');
      props.changed();
    });
  return (
    <form
      className="field-row"
      onSubmit={event => {
        event.preventDefault();
        void save();
      }}
    >
      <label className="field grows">
        <span>Name</span>
        <input
          value={shown}
          maxLength={200}
          required
          data-testid="cohort-name"
          onChange={event => setTyped(event.target.value)}
        />
      </label>
      <button
        type="submit"
        className="button"
        disabled={action.isBusy || shown.trim() === '' || shown.trim() === name}
        data-testid="cohort-rename"
      >
        Rename
      </button>
      {action.problem && <Failure problem={action.problem} retry={() => void save()} />}
    </form>
  );
}

function Facts(props: { page: CohortPage }): React.JSX.Element {
  const { cohort, limits, usage } = props.page;
  return (
    <>
      <dl className="facts">
        <div>
          <dt>State</dt>
          <dd>{STATE_WORDS[cohort.state] ?? cohort.state}</dd>
        </div>
        <div>
          <dt>First day</dt>
          <dd>{day(cohort.starts_on)}</dd>
        </div>
        <div>
          <dt>Last day</dt>
          <dd>{day(cohort.ends_on)}</dd>
        </div>
        <div>
          <dt>Time zone</dt>
          <dd>{cohort.timezone}</dd>
        </div>
        <div>
          <dt>Staff</dt>
          <dd>{numberText(usage.staff)}</dd>
        </div>
      </dl>
      <h3>Plan: {PLAN_WORDS[cohort.plan] ?? cohort.plan}</h3>
      <Seats used={usage.members} most={limits.members} />
      <p className="quiet small">
        Each notebook server has {sizeText(limits.memory_mebibytes, numberText)} of memory,{' '}
        {countText(limits.processors, 'processor', 'processors')},{' '}
        {countText(limits.processes, 'process', 'processes')} and{' '}
        {sizeText(limits.disk_mebibytes, numberText)} of disk. Dates and the plan are changed by
        whoever runs the machines.
      </p>
    </>
  );
}

function Cohorts(props: { organization: string }): React.JSX.Element {
  const cohorts = useRemote('cohorts', readCohorts);
  return (
    <section aria-labelledby="cohorts" className="result">
      <h2 id="cohorts">Cohorts of {props.organization}</h2>
      <Loaded of={cohorts} rows={3}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="There are no cohorts" />
          ) : (
            <div className="scroll" role="region" aria-label="Cohorts" tabIndex={0}>
              <table data-testid="cohorts-table">
                <caption className="unseen">Cohorts of {props.organization}</caption>
                <thead>
                  <tr>
                    <th scope="col">Cohort</th>
                    <th scope="col">State</th>
                    <th scope="col">Plan</th>
                    <th scope="col">First day</th>
                    <th scope="col">Last day</th>
                  </tr>
                </thead>
                <tbody>
                  {items.map(row => (
                    <tr key={row.slug} data-testid={`cohort-${row.slug}`}>
                      <th scope="row">
                        {row.name} <span className="quiet small">{row.slug}</span>
                        {row.current && <span className="tag">this one</span>}
                      </th>
                      <td>{STATE_WORDS[row.state] ?? row.state}</td>
                      <td>{PLAN_WORDS[row.plan] ?? row.plan}</td>
                      <td>{day(row.starts_on)}</td>
                      <td>{day(row.ends_on)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Loaded>
      <p className="quiet small">
        Each cohort has a hub, members and an audit log of its own. Another one’s are seen on its
        own pages only.
      </p>
    </section>
  );
}

/** The cohort that this hub serves, who may join it, and the other ones of its organisation. */
export function CohortPageView(): React.JSX.Element {
  const profile = useSession();
  const cohort = useCohort();
  const mayWrite = mayAdministrate(profile, WRITE_COHORT);
  return (
    <Page title={cohort.data?.cohort.name ?? 'Cohort'} about="cohort" testId="cohort-page">
      <CohortTabs current="cohort" />
      <Loaded of={cohort}>
        {page => (
          <>
            <div className="person">
              <section aria-labelledby="this-cohort" className="card">
                <h2 id="this-cohort">
                  {page.cohort.slug} <span className="quiet">of {page.organization.name}</span>
                </h2>
                {mayWrite && <Name page={page} changed={cohort.reload} />}
                <Facts page={page} />
              </section>
              <section aria-labelledby="joining" className="card">
                <h2 id="joining">Who may join</h2>
                <JoiningForm joining={page.joining} mayChange={mayWrite} changed={cohort.reload} />
              </section>
            </div>
            {mayAdministrate(profile, COHORTS) && <Cohorts organization={page.organization.name} />}
          </>
        )}
      </Loaded>
    </Page>
  );
}
