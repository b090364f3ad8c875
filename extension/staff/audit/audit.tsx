import { useContext } from 'react';

import { exactTime } from '../../src/classroom/times';
import { readAudit, type AuditEntry } from '../api/grading';
import { useLast, useRemote } from '../api/remote';
import { locale, Moment, TimeZone } from '../components/figures';
import { Empty, Failure, Skeleton } from '../components/notices';
import { Page } from '../components/page';
import { Pager } from '../components/pager';
import { useSearchField } from '../components/search_field';
import { CourseTabs, useCourseTitle } from '../courses/course_tabs';
import { auditQueryOf, type AuditFilter } from '../navigation/addresses';
import { go } from '../navigation/router';

import { Changes } from './changes';
import { actionWords, changesOf, COURSE_ACTIONS } from './words';

const ROWS = 50;

function Row(props: { entry: AuditEntry }): React.JSX.Element {
  const { entry } = props;
  const timeZone = useContext(TimeZone);
  const changes = changesOf(entry, at => exactTime(new Date(at), locale, timeZone));
  return (
    <tr data-testid={`audit-${entry.action}`}>
      <td>
        <Moment at={entry.at} />
      </td>
      <td>
        {entry.actor}
        {entry.origin !== 'staff page' && <span className="tag">{entry.origin}</span>}
      </td>
      <th scope="row">{actionWords(entry.action)}</th>
      <td className="audit-object">{entry.object}</td>
      <td>
        <Changes of={changes} isNew={entry.before === null} />
      </td>
    </tr>
  );
}

/** Who changed what in a course, the newest first. Nothing here can be changed or removed. */
export function AuditPage(props: { course: string; filter: AuditFilter }): React.JSX.Element {
  const { course, filter } = props;
  const title = useCourseTitle(course);
  const query = { ...auditQueryOf(filter), limit: ROWS };
  const audit = useRemote(`audit ${course} ${JSON.stringify(query)}`, signal =>
    readAudit(course, query, signal)
  );
  const list = useLast(audit.data, course);
  const change = (part: Partial<AuditFilter>, how: 'push' | 'replace' = 'push'): void =>
    go({ page: 'audit', course, filter: { ...filter, ...part, page: 1 } }, how);
  const actor = useSearchField(filter.actor, wanted => change({ actor: wanted }, 'replace'));
  const isNarrowed = filter.action !== '' || filter.actor !== '';
  return (
    <Page
      title={title}
      about={course}
      crumbs={[{ title: 'Your courses', to: { page: 'home' } }]}
      testId="audit-page"
    >
      <CourseTabs course={course} current="audit" />
      <search className="filters">
        <label>
          <span>What</span>
          <select
            value={filter.action}
            data-testid="audit-action"
            onChange={event => change({ action: event.target.value })}
          >
            <option value="">Everything</option>
            {COURSE_ACTIONS.map(action => (
              <option key={action} value={action}>
                {actionWords(action)}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span>By whom</span>
          <input type="search" placeholder="Username" data-testid="audit-actor" {...actor} />
        </label>
        {isNarrowed && (
          <button
            type="button"
            className="button"
            onClick={() => change({ action: '', actor: '' })}
          >
            Clear filters
          </button>
        )}
      </search>
      {audit.problem && <Failure problem={audit.problem} retry={audit.reload} />}
      {list === null && audit.problem === null && <Skeleton rows={8} />}
      {list?.total === 0 && (
        <Empty title={isNarrowed ? 'Nothing fits these filters' : 'Nothing has happened yet'}>
          <p>Grades, extensions, rules and releases appear here with who changed them.</p>
        </Empty>
      )}
      {list !== null && list.total > 0 && (
        <>
          <div
            className={`scroll ${audit.data === null ? 'stale' : ''}`}
            role="region"
            aria-label="Audit log"
            tabIndex={0}
          >
            <table data-testid="audit-table">
              <caption className="unseen">What was changed in {title}</caption>
              <thead>
                <tr>
                  <th scope="col">When</th>
                  <th scope="col">Who</th>
                  <th scope="col">What</th>
                  <th scope="col">Of what</th>
                  <th scope="col">From and to</th>
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
            to={page => ({ page: 'audit', course, filter: { ...filter, page } })}
          />
        </>
      )}
    </Page>
  );
}
