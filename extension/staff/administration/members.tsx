import { useEffect, useRef } from 'react';

import { readMembers, type Member } from '../api/administration';
import { useLast, useRemote } from '../api/remote';
import { useAnnounce } from '../components/announcer';
import { countText, Moment } from '../components/figures';
import { Icon } from '../components/icons';
import { useKeys } from '../components/keys';
import { Empty, Failure, Skeleton } from '../components/notices';
import { Page } from '../components/page';
import { Pager } from '../components/pager';
import { useSearchField } from '../components/search_field';
import { hasMoved, go, Link } from '../navigation/router';

import {
  ALL_MEMBERS,
  COHORT_ROLES,
  COURSE_ROLES,
  hidesMembers,
  membersQueryOf,
  type MembersFilter,
  type MemberSort
} from './addresses';
import { CohortTabs } from './tabs';
import { useCohort } from './use_cohort';
import { COURSE_ROLE_WORDS, ROLE_WORDS, roleWords } from './words';

const ROWS = 25;

function Heading(props: {
  column: MemberSort;
  words: string;
  filter: MembersFilter;
}): React.JSX.Element {
  const { column, words, filter } = props;
  const isSorted = filter.sortBy === column;
  // Names begin with A, moments with the newest.
  const first = column.endsWith('_at');
  return (
    <th
      scope="col"
      aria-sort={isSorted ? (filter.descending ? 'descending' : 'ascending') : undefined}
    >
      <Link
        className={`sort ${isSorted ? (filter.descending ? 'down' : 'up') : ''}`}
        title={`Sort by ${words.toLowerCase()}`}
        to={{
          page: 'members',
          filter: {
            ...filter,
            sortBy: column,
            descending: isSorted ? !filter.descending : first,
            page: 1
          }
        }}
      >
        {words}
        <Icon shape="chevron" />
      </Link>
    </th>
  );
}

function Filters(props: { filter: MembersFilter }): React.JSX.Element {
  const { filter } = props;
  const cohort = useCohort();
  const search = useRef<HTMLInputElement>(null);
  const change = (part: Partial<MembersFilter>, how: 'push' | 'replace' = 'push'): void =>
    go({ page: 'members', filter: { ...filter, ...part, page: 1 } }, how);
  const field = useSearchField(filter.search, wanted => change({ search: wanted }, 'replace'));
  useKeys({ '/': () => search.current?.focus() });
  const courses = cohort.data?.courses ?? [];
  return (
    <search className="filters">
      <label>
        <span>Person</span>
        <input
          ref={search}
          type="search"
          maxLength={100}
          placeholder="Part of a name or mail"
          data-testid="members-search"
          {...field}
        />
      </label>
      <label>
        <span>Role</span>
        <select
          value={filter.role}
          data-testid="members-role"
          onChange={event =>
            change({
              role:
                [...COHORT_ROLES, ...COURSE_ROLES].find(role => role === event.target.value) ?? ''
            })
          }
        >
          <option value="">Any</option>
          <optgroup label="In the cohort">
            {COHORT_ROLES.map(role => (
              <option key={role} value={role}>
                {ROLE_WORDS[role]}
              </option>
            ))}
          </optgroup>
          <optgroup label="In a course">
            {COURSE_ROLES.map(role => (
              <option key={role} value={role}>
                {COURSE_ROLE_WORDS[role]}
              </option>
            ))}
          </optgroup>
        </select>
      </label>
      <label>
        <span>Course</span>
        <select
          value={filter.course}
          data-testid="members-course"
          onChange={event => change({ course: event.target.value })}
        >
          <option value="">Any</option>
          {courses.map(course => (
            <option key={course.course} value={course.course}>
              {course.title}
            </option>
          ))}
          {filter.course !== '' && courses.every(({ course }) => course !== filter.course) && (
            <option value={filter.course}>{filter.course}</option>
          )}
        </select>
      </label>
      <label>
        <span>Show</span>
        <select
          value={filter.state}
          data-testid="members-state"
          onChange={event =>
            change({ state: event.target.value === 'removed' ? 'removed' : 'member' })
          }
        >
          <option value="member">Members</option>
          <option value="removed">Removed people</option>
        </select>
      </label>
      {hidesMembers(filter) && (
        <button
          type="button"
          className="button"
          onClick={() => change({ search: '', role: '', course: '' })}
        >
          Clear filters
        </button>
      )}
    </search>
  );
}

function Row(props: { member: Member; filter: MembersFilter }): React.JSX.Element {
  const { member, filter } = props;
  return (
    <tr data-testid={`member-${member.username}`}>
      <th scope="row">
        <Link className="row-link" to={{ page: 'member', username: member.username, filter }}>
          {member.display_name}
        </Link>{' '}
        <span className="quiet small">{member.username}</span>
      </th>
      <td>{member.email ?? <span className="quiet">–</span>}</td>
      <td>
        {member.roles.length === 0 ? (
          <span className="quiet">–</span>
        ) : (
          member.roles.map(roleWords).join(', ')
        )}
      </td>
      <td>
        {member.courses.length === 0 ? (
          <span className="quiet">–</span>
        ) : (
          <ul>
            {member.courses.map(part => (
              <li key={part.course}>
                {part.title}
                {part.role !== 'learner' && <span className="tag">{roleWords(part.role)}</span>}
              </li>
            ))}
          </ul>
        )}
      </td>
      <td>
        <Moment at={member.joined_at} />
      </td>
      <td>
        {member.last_seen_at === null ? (
          <span className="quiet">never</span>
        ) : (
          <Moment at={member.last_seen_at} />
        )}
      </td>
    </tr>
  );
}

function step(table: HTMLElement | null, by: 1 | -1): void {
  const links = [...(table?.querySelectorAll<HTMLElement>('.row-link') ?? [])];
  const row = document.activeElement?.closest('tr');
  const at = links.findIndex(link => row?.contains(link));
  const next = at < 0 ? (by === 1 ? 0 : links.length - 1) : at + by;
  links[next]?.focus();
}

/** Everybody in the cohort: searched, filtered, sorted, in pages; a row opens the person. */
export function MembersPage(props: { filter: MembersFilter }): React.JSX.Element {
  const { filter } = props;
  const query = { state: 'member', ...membersQueryOf(filter), limit: ROWS };
  const members = useRemote(`members ${JSON.stringify(query)}`, signal =>
    readMembers(query, signal)
  );
  const list = useLast(members.data, filter.state);
  const table = useRef<HTMLDivElement>(null);
  const announce = useAnnounce();
  const total = members.data?.total;
  const said = useRef<number | undefined>(undefined);
  useEffect(() => {
    if (total !== undefined && total !== said.current) {
      if (said.current !== undefined && hasMoved()) {
        announce(countText(total, 'person', 'people'));
      }
      said.current = total;
    }
  }, [total, announce]);
  useKeys({ j: () => step(table.current, 1), k: () => step(table.current, -1) });
  const isRemoved = filter.state === 'removed';
  return (
    <Page title="Members" about={filter.state} testId="members-page">
      <CohortTabs current="members" />
      <Filters filter={filter} />
      {members.problem && <Failure problem={members.problem} retry={members.reload} />}
      {list === null && members.problem === null && <Skeleton rows={10} />}
      {list?.total === 0 && members.data !== null && (
        <Empty
          title={
            hidesMembers(filter)
              ? 'Nobody fits these filters'
              : isRemoved
                ? 'Nobody was removed'
                : 'No members yet'
          }
        >
          {hidesMembers(filter) ? (
            <p>
              Change them, or{' '}
              <Link to={{ page: 'members', filter: ALL_MEMBERS }}>show all members</Link>.
            </p>
          ) : isRemoved ? (
            <p>Whoever is removed appears here, and can be brought back with all that they did.</p>
          ) : (
            <p>
              Bring people in with a <Link to={{ page: 'roster' }}>roster</Link>, or let them join
              by their mail address.
            </p>
          )}
        </Empty>
      )}
      {list !== null && list.total > 0 && (
        <>
          <div
            ref={table}
            className={`scroll ${members.data === null ? 'stale' : ''}`}
            role="region"
            aria-label="Members"
            aria-busy={members.data === null}
            tabIndex={0}
          >
            <table className="rows" data-testid="members-table">
              <caption className="unseen">{isRemoved ? 'Removed people' : 'Members'}</caption>
              <thead>
                <tr>
                  <Heading column="name" words="Name" filter={filter} />
                  <th scope="col">Mail address</th>
                  <th scope="col">In the cohort</th>
                  <th scope="col">Courses</th>
                  <Heading column="joined_at" words="Joined" filter={filter} />
                  <Heading column="last_seen_at" words="Last seen" filter={filter} />
                </tr>
              </thead>
              <tbody>
                {list.items.map(member => (
                  <Row key={member.username} member={member} filter={filter} />
                ))}
              </tbody>
            </table>
          </div>
          <div className="below">
            <p className="quiet small keys">
              <kbd>J</kbd> and <kbd>K</kbd> move, <kbd>Enter</kbd> opens, <kbd>/</kbd> searches
            </p>
            <Pager
              page={list.page}
              limit={list.limit}
              total={list.total}
              to={page => ({ page: 'members', filter: { ...filter, page } })}
            />
          </div>
        </>
      )}
    </Page>
  );
}
