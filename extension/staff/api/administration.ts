// The endpoints for those who run the cohort: members, joining, rosters, and the whole audit log.

import type { components } from '../../src/api/schema';

import { act, download, read, readList, remove, send, type Listed, type Query } from './client';

type Schemas = components['schemas'];

export type CohortPage = Schemas['CohortPage'];
export type CohortRow = Schemas['CohortRow'];
export type CohortChange = Schemas['CohortChange'];
export type Member = Schemas['MemberOut'];
export type Join = Schemas['JoinOut'];
export type Decided = Schemas['Decided'];
export type RosterPreview = Schemas['RosterPreview'];
export type RosterLine = Schemas['RosterLine'];
export type CohortAuditEntry = Schemas['CohortAuditEntry'];
export type JoinDecision = 'approve' | 'decline';

const id = encodeURIComponent;

export const readCohort = (signal?: AbortSignal): Promise<CohortPage> =>
  read('/admin/cohort', signal);

export const changeCohort = (change: Partial<CohortChange>): Promise<CohortPage> =>
  send('PATCH', '/admin/cohort', change);

export const readCohorts = (signal?: AbortSignal): Promise<Listed<CohortRow>> =>
  readList('/admin/cohorts', { limit: 100 }, signal);

export const readMembers = (query: Query, signal?: AbortSignal): Promise<Listed<Member>> =>
  readList('/admin/members', query, signal);

const member = (username: string): string => `/admin/members/${id(username)}`;

export const readMember = (username: string, signal?: AbortSignal): Promise<Member> =>
  read(member(username), signal);

export const changeRoles = (
  username: string,
  roles: string[],
  expected: string[]
): Promise<Member> => send('PUT', `${member(username)}/roles`, { roles, expected });

export const changeCourseRole = (username: string, course: string, role: string): Promise<Member> =>
  send('PUT', `${member(username)}/courses/${id(course)}`, { role });

export const leaveCourse = (username: string, course: string): Promise<void> =>
  remove(`${member(username)}/courses/${id(course)}`);

export const removeMember = (username: string, reason: string): Promise<void> =>
  remove(member(username), { body: { reason: reason || null } });

export const restoreMember = (username: string): Promise<Member> =>
  act(`${member(username)}/restore`);

export const readJoins = (query: Query, signal?: AbortSignal): Promise<Listed<Join>> =>
  readList('/admin/joins', query, signal);

export const decideJoins = (
  ids: string[],
  decision: JoinDecision,
  reason: string
): Promise<Decided> =>
  send('POST', '/admin/joins/decisions', { ids, decision, reason: reason || null });

export const previewRoster = (csv: string): Promise<RosterPreview> =>
  send('POST', '/admin/roster/preview', { csv });

export const applyRoster = (csv: string, changes: number): Promise<RosterPreview> =>
  send('POST', '/admin/roster', { csv, expected_changes: changes });

export const readCohortAudit = (
  query: Query,
  signal?: AbortSignal
): Promise<Listed<CohortAuditEntry>> => readList('/admin/audit', query, signal);

export const downloadAudit = (query: Query): Promise<void> =>
  download('/admin/audit/export', { ...query, format: 'csv' }, 'audit.csv');
