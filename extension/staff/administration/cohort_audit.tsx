import { useContext } from 'react';

import { exactTime } from '../../src/classroom/times';
import { downloadAudit, readCohortAudit, type CohortAuditEntry } from '../api/administration';
import type { Query } from '../api/client';
import { useLast, useRemote } from '../api/remote';
import { Changes } from '../audit/changes';
import { actionWords, changesOf, COHORT_ACTIONS } from '../audit/words';
import { locale, Moment, TimeZone } from '../components/figures';
import { Empty, Failure, Skeleton } from '../components/notices';
import { Page } from '../components/page';
import { Pager } from '../components/pager';
import { useSearchField } from '../components/search_field';
import { useAction } from '../components/use_action';
import { go, Link } from '../navigation/router';

import { hidesEntries, WHOLE_LOG, type CohortAuditFilter } from './addresses';
import { agentWords, dayBegins, dayEnds } from './log_words';
import { CohortTabs } from './tabs';
import { useCohort } from './use_cohort';

const ROWS = 50;

function queryOf(filter: CohortAuditFilter, timeZone: string): Query {
  return {
    action: filter.action,
    actor: filter.actor,
    course: filter.course,
    object: filter.object,
    since: filter.since && dayBegins(filter.since, timeZone),
    until: filter.until && dayEnds(filter.until, timeZone)
  };
}

function Row(props: { entry: CohortAuditEntry }): React.JSX.Element {
  const { entry } = props;
  const timeZone = useContext(TimeZone);
  const agent = agentWords(entry.agent);
  return (
    <tr data-testid={`entry-${entry.action}`}>
      <td>
        <Moment at={entry.at} />
      </td>
      <td>{entry.actor}</td>
      <th scope="row">{actionWords(entry.action)}</th>
      <td className="audit-object">
        {entry.object}
        {entry.course !== null && <span className="quiet small"> {entry.course}</span>}
      </td>
      <td>
        <Changes
          of={changesOf(entry, at => exactTime(new Date(at), locale, timeZone))}
          isNew={entry.before === null}
        />
      </td>
      <td className="from-where">
        {entry.address ?? <span className="quiet">{entry.origin}</span>}
        <span className="quiet small" title={entry.agent ?? undefined}>
          {entry.address !== null && entry.origin !== 'staff page' ? `${entry.origin} ` : ''}
          {agent}
        </span>
      </td>
    </tr>
  );
}

function Filters(props: { filter: CohortAuditFilter }): React.JSX.Element {
  const { filter } = props;
  const timeZone = useContext(TimeZone);
  const cohort = useCohort();
  const action = useAction();
  const change = (part: Partial<CohortAuditFilter>, how: 'push' | 'replace' = 'push'): void =>
    go({ page: 'cohort-audit', filter: { ...filter, ...part, page: 1 } }, how);
  const actor = useSearchField(filter.actor, wanted => change({ actor: wanted }, 'replace'));
  const object = useSearchField(filter.object, wanted => change({ object: wanted }, 'replace'));
  const courses = cohort.data?.courses ?? [];
  const save = (): Promise<boolean> => action.run(() => downloadAudit(queryOf(filter, timeZone)));
  return (
    <>
      <search className="filters">
        <label>
          <span>What</span>
          <select
            value={filter.action}
            data-testid="log-action"
            onChange={event => change({ action: event.target.value })}
          >
            <option value="">Everything</option>
            {COHORT_ACTIONS.map(known => (
              <option key={known} value={known}>
                {actionWords(known)}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span>By whom</span>
          <input type="search" placeholder="Username" data-testid="log-actor" {...actor} />
        </label>
        <label>
          <span>Of what</span>
          <input type="search" placeholder="Part of it" data-testid="log-object" {...object} />
        </label>
        {courses.length > 0 && (
          <label>
            <span>Course</span>
            <select
              value={filter.course}
              data-testid="log-course"
              onChange={event => change({ course: event.target.value })}
            >
              <option value="">Any, or none</option>
              {courses.map(({ course, title }) => (
                <option key={course} value={course}>
                  {title}
                </option>
              ))}
            </select>
          </label>
        )}
        <label>
          <span>From</span>
          <input
            type="date"
            value={filter.since}
            max={filter.until || undefined}
            data-testid="log-since"
            onChange={event => change({ since: event.target.value })}
          />
        </label>
        <label>
          <span>To</span>
          <input
            type="date"
            value={filter.until}
            min={filter.since || undefined}
            data-testid="log-until"
            onChange={event => change({ until: event.target.value })}
          />
        </label>
        {hidesEntries(filter) && (
          <button
            type="button"
            className="button"
            onClick={() => go({ page: 'cohort-audit', filter: WHOLE_LOG })}
          >
            Clear filters
          </button>
        )}
        <button
          type="button"
          className="button"
          disabled={action.isBusy}
          title="What these filters show, as CSV"
          data-testid="log-export"
          onClick={() => void save()}
        >
          Export CSV
        </button>
      </search>
      {action.problem && <Failure problem={action.problem} retry={() => void save()} />}
    </>
  );
}

/** Who changed what in the cohort, and from where, the newest first. Nothing here can be changed or removed. */
export function CohortAuditPage(props: { filter: CohortAuditFilter }): React.JSX.Element {
  const { filter } = props;
  const timeZone = useContext(TimeZone);
  const query = { ...queryOf(filter, timeZone), page: filter.page, limit: ROWS };
  const audit = useRemote(`cohort audit ${JSON.stringify(query)}`, signal =>
    readCohortAudit(query, signal)
  );
  const list = useLast(audit.data, 'cohort audit');
  return (
    <Page title="Audit log" about="cohort-audit" testId="cohort-audit-page">
      <CohortTabs current="cohort-audit" />
      <Filters filter={filter} />
      {audit.problem && <Failure problem={audit.problem} retry={audit.reload} />}
      {list === null && audit.problem === null && <Skeleton rows={8} />}
      {list?.total === 0 && (
        <Empty
          title={hidesEntries(filter) ? 'Nothing fits these filters' : 'Nothing has happened yet'}
        >
          {hidesEntries(filter) ? (
            <p>
              Change them, or{' '}
              <Link to={{ page: 'cohort-audit', filter: WHOLE_LOG }}>show everything</Link>.
            </p>
          ) : (
            <p>
              Roles, rosters, publishing, grades and exports appear here with who changed them, when
              and from where.
            </p>
          )}
        </Empty>
      )}
      {list !== null && list.total > 0 && (
        <>
          <div
            className={`scroll ${audit.data === null ? 'stale' : ''}`}
            role="region"
            aria-label="Audit log"
            aria-busy={audit.data === null}
            tabIndex={0}
          >
            <table data-testid="log-table">
              <caption className="unseen">What was changed in the cohort</caption>
              <thead>
                <tr>
                  <th scope="col">When</th>
                  <th scope="col">Who</th>
                  <th scope="col">What</th>
                  <th scope="col">Of what</th>
                  <th scope="col">From and to</th>
                  <th scope="col">From where</th>
                </tr>
              </thead>
              <tbody>
                {list.items.map(entry => (
                  <Row key={entry.id} entry={entry} />
                ))}
              </tbody>
            </table>
          </div>
          <Pager
            page={list.page}
            limit={list.limit}
            total={list.total}
            to={page => ({ page: 'cohort-audit', filter: { ...filter, page } })}
          />
        </>
      )}
    </Page>
  );
}
