// The endpoints of the gradebook, the grading queue and the audit log.

import type { components } from '../../src/api/schema';

import {
  download,
  read,
  readCounted,
  readList,
  remove,
  send,
  type Counted,
  type Listed,
  type Query
} from './client';

const id = encodeURIComponent;

type Schemas = components['schemas'];

export type CellState = GradebookCell['state'];
export type Counting = Schemas['Counting'];
export type LatePolicy = Schemas['LatePolicy'];
export type GradebookAssignment = Schemas['GradebookAssignment'];
export type GradebookCell = Schemas['GradebookCell'];
export type GradebookRow = Schemas['GradebookRow'];
export type Gradebook = Schemas['Gradebook'];
export type GradebookPage = Counted<Gradebook>;
export type Policy = Schemas['PolicyOut'];
export type PolicyChange = Schemas['PolicyChange'];
export type Extension = Schemas['ExtensionOut'];
export type Claim = Schemas['ClaimOut'];
export type Answer = Schemas['Answer'];
export type GradedCell = Schemas['GradedCell'];
export type RubricItem = Schemas['RubricItemOut'];
export type QueueQuestion = Schemas['QueueQuestion'];
export type QueueItem = Schemas['QueueItem'];
export type Grading = Schemas['Grading'];
export type Graded = Schemas['GradeOut'];
export type Released = Schemas['GradesReleased'];
export type AuditEntry = Schemas['AuditEntryOut'];

/** What can be graded: a cell of an attempt, or an answer in the queue. */
export type Gradable = Pick<
  GradedCell,
  | 'test_id'
  | 'title'
  | 'kind'
  | 'max_points'
  | 'auto_score'
  | 'manual_score'
  | 'extra_credit'
  | 'comment'
  | 'needs_grading'
  | 'rubric_marks'
  | 'carried_from'
  | 'graded_by'
  | 'claim'
  | 'version'
>;

const course = (slug: string): string => `/staff/courses/${id(slug)}`;
const assignment = (slug: string, lesson: string): string =>
  `${course(slug)}/assignments/${id(lesson)}`;

export const readGradebook = (
  slug: string,
  query: Query,
  signal?: AbortSignal
): Promise<GradebookPage> => readCounted(`${course(slug)}/gradebook`, query, signal);

export const exportGradebook = (slug: string, format: 'csv' | 'xlsx'): Promise<void> =>
  download(`${course(slug)}/gradebook/export`, { format }, `${slug}-grades.${format}`);

export const readPolicy = (slug: string, lesson: string, signal?: AbortSignal): Promise<Policy> =>
  read(`${assignment(slug, lesson)}/policy`, signal);

export const changePolicy = (slug: string, lesson: string, change: PolicyChange): Promise<Policy> =>
  send('PATCH', `${assignment(slug, lesson)}/policy`, { ...change });

export const readExtensions = (
  slug: string,
  lesson: string,
  signal?: AbortSignal
): Promise<Listed<Extension>> =>
  readList(`${assignment(slug, lesson)}/extensions`, { limit: 100 }, signal);

export const grantExtension = (
  slug: string,
  lesson: string,
  username: string,
  extension: { due_at: string; closes_at: string | null; reason: string }
): Promise<Extension> =>
  send('PUT', `${assignment(slug, lesson)}/extensions/${id(username)}`, extension);

export const withdrawExtension = (slug: string, lesson: string, username: string): Promise<void> =>
  remove(`${assignment(slug, lesson)}/extensions/${id(username)}`);

export const releaseGrades = (slug: string, lesson: string, feedback: boolean): Promise<Released> =>
  send('POST', `${assignment(slug, lesson)}/release-grades`, { feedback });

export const takeGradesBack = (slug: string, lesson: string): Promise<void> =>
  remove(`${assignment(slug, lesson)}/release-grades`);

export const readGrading = (attempt: string, signal?: AbortSignal): Promise<Grading> =>
  read(`/staff/attempts/${id(attempt)}/grading`, signal);

/** What a grader gives for one cell; the version is that of the cell as they saw it. */
export interface Given {
  manual_score: number | null;
  extra_credit: number | null;
  comment: string | null;
  rubric_items: string[];
  expected_version: number;
}

export const grade = (attempt: string, test: string, given: Given): Promise<Graded> =>
  send('PUT', `/staff/attempts/${id(attempt)}/grading`, { test_id: test, ...given });

export const setPenalty = (
  attempt: string,
  notebook: string,
  penalty: number | null,
  version: number
): Promise<void> =>
  send('PUT', `/staff/attempts/${id(attempt)}/penalties`, {
    notebook,
    penalty,
    expected_version: version
  });

/** Every question of a course that people grade: as many as one answer of the service holds. */
export const readQueue = (slug: string, signal?: AbortSignal): Promise<QueueQuestion[]> =>
  readList<QueueQuestion>(`${course(slug)}/grading-queue`, { limit: 100 }, signal).then(
    list => list.items
  );

const ANSWERS_ON_A_PAGE = 50;

export const readAnswers = (
  slug: string,
  lesson: string,
  query: Query,
  signal?: AbortSignal
): Promise<Listed<QueueItem>> =>
  readList(
    `${course(slug)}/grading-queue/${id(lesson)}`,
    { ...query, limit: ANSWERS_ON_A_PAGE },
    signal
  );

export const claim = (attempt: string, test: string): Promise<Claim> =>
  send('POST', '/staff/grading-claims', { attempt_id: attempt, test_id: test });

export const letGo = (claimed: string): Promise<void> =>
  remove(`/staff/grading-claims/${id(claimed)}`, { outlivesPage: true });

export const readRubric = (
  slug: string,
  lesson: string,
  test: string,
  signal?: AbortSignal
): Promise<RubricItem[]> =>
  readList<RubricItem>(
    `${assignment(slug, lesson)}/rubric`,
    { test_id: test, limit: 100 },
    signal
  ).then(list => list.items);

export const addRubricItem = (
  slug: string,
  lesson: string,
  item: Pick<RubricItem, 'test_id' | 'title' | 'points'>
): Promise<RubricItem> => send('POST', `${assignment(slug, lesson)}/rubric`, { ...item });

export const changeRubricItem = (
  slug: string,
  lesson: string,
  item: RubricItem
): Promise<RubricItem> =>
  send('PATCH', `${assignment(slug, lesson)}/rubric/${id(item.id)}`, {
    title: item.title,
    points: item.points
  });

export const removeRubricItem = (slug: string, lesson: string, item: string): Promise<void> =>
  remove(`${assignment(slug, lesson)}/rubric/${id(item)}`);

export const readAudit = (
  slug: string,
  query: Query,
  signal?: AbortSignal
): Promise<Listed<AuditEntry>> => readList(`${course(slug)}/audit`, query, signal);
