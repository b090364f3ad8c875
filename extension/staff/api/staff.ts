// The endpoints that the staff pages use; their shapes come from the service's OpenAPI document.

import type { components } from '../../src/api/schema';

import { act, apiAddress, read, readList, type Listed, type Query } from './client';

type Schemas = components['schemas'];

export type Profile = Schemas['Profile'];
export type StaffCourse = Schemas['StaffCourse'];
export type StaffAssignment = Schemas['StaffAssignment'];
export type StaffAttempt = Schemas['StaffAttempt'];
export type StaffAttemptDetail = Schemas['StaffAttemptDetail'];
export type StaffReport = Schemas['StaffReport'];
export type Attempt = Schemas['AttemptOut'];
export type TestResult = Schemas['TestResult'];
export type TestStatus = Schemas['TestStatus'];
export type DeadLetter = Schemas['DeadLetterOut'];
export type Regrade = Schemas['RegradeOut'];
export type RegradeDetail = Schemas['RegradeDetail'];
export type RegradeChange = Schemas['RegradeChange'];
export type PlatformCourse = Schemas['PlatformCourseOut'];
export type Decision = 'confirm' | 'discard';

const ALL = { limit: 100 };

const id = encodeURIComponent;

export const readProfile = (signal?: AbortSignal): Promise<Profile> => read('/me', signal);

export const readCourses = (signal?: AbortSignal): Promise<Listed<StaffCourse>> =>
  readList('/staff/courses', ALL, signal);

export const readAssignments = (
  course: string,
  signal?: AbortSignal
): Promise<Listed<StaffAssignment>> =>
  readList(`/staff/courses/${id(course)}/assignments`, ALL, signal);

export const readAttempts = (
  course: string,
  query: Query,
  signal?: AbortSignal
): Promise<Listed<StaffAttempt>> =>
  readList(`/staff/courses/${id(course)}/attempts`, query, signal);

export const readAttempt = (attempt: string, signal?: AbortSignal): Promise<StaffAttemptDetail> =>
  read(`/staff/attempts/${id(attempt)}`, signal);

/** Address of an executed notebook as a document without scripts; for a sandboxed frame only. */
export const notebookAddress = (attempt: string, notebook: string): string =>
  apiAddress(`/staff/attempts/${id(attempt)}/notebooks/${id(notebook)}`);

/** Address of what one cell of it put out, by its grade id, as a document of the same kind. */
export const outputAddress = (attempt: string, notebook: string, cell: string): string =>
  `${notebookAddress(attempt, notebook)}?cell=${encodeURIComponent(cell)}`;

export const readDeadLetters = (page: number, signal?: AbortSignal): Promise<Listed<DeadLetter>> =>
  readList('/staff/dead-letters', { page, limit: 25 }, signal);

export const requeue = (letter: string): Promise<DeadLetter> =>
  act(`/staff/dead-letters/${id(letter)}/requeue`);

const platforms = (course: string): string => `/staff/courses/${id(course)}/platforms`;

export const readPlatforms = (
  course: string,
  signal?: AbortSignal
): Promise<Listed<PlatformCourse>> => readList(platforms(course), ALL, signal);

/** Has a platform's roster taken over by a worker. */
export const synchronize = (course: string, place: string): Promise<PlatformCourse> =>
  act(`${platforms(course)}/${id(place)}/synchronizations`);

const regrades = (course: string, lesson: string): string =>
  `/staff/courses/${id(course)}/lessons/${id(lesson)}/regrades`;

export const readRegrades = (
  course: string,
  lesson: string,
  signal?: AbortSignal
): Promise<Listed<Regrade>> => readList(regrades(course, lesson), { limit: 20 }, signal);

/** A regrade with a page of what it changes. */
export const readRegrade = (
  run: Regrade,
  page: number,
  signal?: AbortSignal
): Promise<RegradeDetail> =>
  read(`${regrades(run.course, run.lesson)}/${id(run.id)}?page=${page}&limit=50`, signal);

export const startRegrade = (course: string, lesson: string): Promise<Regrade> =>
  act(regrades(course, lesson));

export const decideRegrade = (run: Regrade, decision: Decision): Promise<Regrade> =>
  act(`${regrades(run.course, run.lesson)}/${id(run.id)}/${decision}`);
