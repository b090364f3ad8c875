// The addresses of the pages about the cohort as a whole: pure functions, joined to the others in `navigation`.

export const MEMBER_SORTS = ['name', 'username', 'joined_at', 'last_seen_at'] as const;
export type MemberSort = (typeof MEMBER_SORTS)[number];

export const COHORT_ROLES = ['org_owner', 'admin', 'moderator', 'system_admin'] as const;
export type CohortRole = (typeof COHORT_ROLES)[number];

export const COURSE_ROLES = ['learner', 'grader', 'instructor'] as const;
export type CourseRole = (typeof COURSE_ROLES)[number];

export const MEMBER_STATES = ['member', 'removed'] as const;
export type MemberState = (typeof MEMBER_STATES)[number];

/** Which people the list of members shows, and in which order. */
export interface MembersFilter {
  /** Part of a name or a mail address. */
  search: string;
  role: CohortRole | CourseRole | '';
  course: string;
  /** Members, unless those who were removed are asked for. */
  state: MemberState;
  sortBy: MemberSort;
  descending: boolean;
  page: number;
}

export const ALL_MEMBERS: MembersFilter = {
  search: '',
  role: '',
  course: '',
  state: 'member',
  sortBy: 'name',
  descending: false,
  page: 1
};

export const JOIN_STATES = ['waiting', 'approved', 'declined'] as const;
export type JoinState = (typeof JOIN_STATES)[number];

/** What the cohort's audit log shows; days are those of the person's own zone, `2026-11-21`. */
export interface CohortAuditFilter {
  action: string;
  actor: string;
  course: string;
  object: string;
  since: string;
  /** The last day that is shown. */
  until: string;
  page: number;
}

export const WHOLE_LOG: CohortAuditFilter = {
  action: '',
  actor: '',
  course: '',
  object: '',
  since: '',
  until: '',
  page: 1
};

export type AdministrationPlace =
  | { page: 'cohort' }
  | { page: 'members'; filter: MembersFilter }
  /** One person, with the list that they were found in. */
  | { page: 'member'; username: string; filter: MembersFilter }
  | { page: 'approvals'; state: JoinState; number: number }
  | { page: 'roster' }
  | { page: 'cohort-audit'; filter: CohortAuditFilter };

const PAGES: readonly string[] = [
  'cohort',
  'members',
  'member',
  'approvals',
  'roster',
  'cohort-audit'
] satisfies AdministrationPlace['page'][];

/** Whether a page is one of the cohort's. */
export function isAdministration(place: { page: string }): place is AdministrationPlace {
  return PAGES.includes(place.page);
}

function positive(text: string | null): number {
  const number = Number(text ?? '1');
  return Number.isSafeInteger(number) && number >= 1 ? number : 1;
}

function membersFilterOf(search: string): MembersFilter {
  const given = new URLSearchParams(search);
  const role = [...COHORT_ROLES, ...COURSE_ROLES].find(known => known === given.get('role'));
  return {
    search: given.get('search') ?? '',
    role: role ?? '',
    course: given.get('course') ?? '',
    state: given.get('state') === 'removed' ? 'removed' : 'member',
    sortBy: MEMBER_SORTS.find(column => column === given.get('sort_by')) ?? ALL_MEMBERS.sortBy,
    descending: given.get('order') === 'desc',
    page: positive(given.get('page'))
  };
}

/** Writes the filter of members as an address has it; what is as usual is left out. */
export function membersQueryOf(filter: MembersFilter): Record<string, string> {
  return {
    ...(filter.search && { search: filter.search }),
    ...(filter.role && { role: filter.role }),
    ...(filter.course && { course: filter.course }),
    ...(filter.state !== ALL_MEMBERS.state && { state: filter.state }),
    ...(filter.sortBy !== ALL_MEMBERS.sortBy && { sort_by: filter.sortBy }),
    ...(filter.descending && { order: 'desc' }),
    ...(filter.page !== 1 && { page: String(filter.page) })
  };
}

/** Whether a filter hides any of the members. */
export function hidesMembers(filter: MembersFilter): boolean {
  return filter.search !== '' || filter.role !== '' || filter.course !== '';
}

const DAY = /^\d{4}-\d\d-\d\d$/;

function auditFilterOf(search: string): CohortAuditFilter {
  const given = new URLSearchParams(search);
  const day = (name: string): string => {
    const text = given.get(name) ?? '';
    return DAY.test(text) ? text : '';
  };
  return {
    action: given.get('action') ?? '',
    actor: given.get('actor') ?? '',
    course: given.get('course') ?? '',
    object: given.get('object') ?? '',
    since: day('since'),
    until: day('until'),
    page: positive(given.get('page'))
  };
}

function auditQueryOf(filter: CohortAuditFilter): Record<string, string> {
  const { page, ...texts } = filter;
  return {
    ...Object.fromEntries(Object.entries(texts).filter(([, value]) => value !== '')),
    ...(page !== 1 && { page: String(page) })
  };
}

/** Whether a filter hides any of the log. */
export function hidesEntries(filter: CohortAuditFilter): boolean {
  return Object.keys(auditQueryOf({ ...filter, page: 1 })).length > 0;
}

/** The page at the parts of a path below `/cohort`; null when there is none. */
export function administrationPlaceOf(parts: string[], search: string): AdministrationPlace | null {
  const [first, second] = parts;
  const given = new URLSearchParams(search);
  if (first === undefined) {
    return { page: 'cohort' };
  }
  if (first === 'members' && parts.length === 1) {
    return { page: 'members', filter: membersFilterOf(search) };
  }
  if (first === 'members' && second !== undefined && parts.length === 2) {
    return { page: 'member', username: second, filter: membersFilterOf(search) };
  }
  if (parts.length !== 1) {
    return null;
  }
  switch (first) {
    case 'approvals':
      return {
        page: 'approvals',
        state: JOIN_STATES.find(state => state === given.get('state')) ?? 'waiting',
        number: positive(given.get('page'))
      };
    case 'roster':
      return { page: 'roster' };
    case 'audit':
      return { page: 'cohort-audit', filter: auditFilterOf(search) };
    default:
      return null;
  }
}

/** The path and the query of a page of the cohort's. */
export function administrationAddressOf(
  place: AdministrationPlace
): [path: string, query: Record<string, string>] {
  switch (place.page) {
    case 'cohort':
      return ['/cohort', {}];
    case 'members':
      return ['/cohort/members', membersQueryOf(place.filter)];
    case 'member':
      return [
        `/cohort/members/${encodeURIComponent(place.username)}`,
        membersQueryOf(place.filter)
      ];
    case 'approvals':
      return [
        '/cohort/approvals',
        {
          ...(place.state !== 'waiting' && { state: place.state }),
          ...(place.number !== 1 && { page: String(place.number) })
        }
      ];
    case 'roster':
      return ['/cohort/roster', {}];
    case 'cohort-audit':
      return ['/cohort/audit', auditQueryOf(place.filter)];
  }
}
