// Every page has an address, and every address is a page: pure functions between the two.

import {
  administrationAddressOf,
  administrationPlaceOf,
  isAdministration,
  type AdministrationPlace
} from '../administration/addresses';

export const STATUSES = [
  'queued',
  'running',
  'graded',
  'needs_manual',
  'refused',
  'internal_error'
] as const;
export type AttemptStatus = (typeof STATUSES)[number];

export const SORTABLE = ['submitted_at', 'score', 'number'] as const;
export type SortColumn = (typeof SORTABLE)[number];

/** What a list of attempts shows, and in which order. */
export interface AttemptsFilter {
  lesson: string;
  /** Part of a learner's name. */
  learner: string;
  /** Any of these; none means all. */
  statuses: AttemptStatus[];
  flagged: boolean;
  sortBy: SortColumn;
  descending: boolean;
  page: number;
}

export const NO_FILTER: AttemptsFilter = {
  lesson: '',
  learner: '',
  statuses: [],
  flagged: false,
  sortBy: 'submitted_at',
  descending: true,
  page: 1
};

export const GRADEBOOK_STATES = ['needs_grading', 'late', 'missing', 'flagged'] as const;
export type GradebookState = (typeof GRADEBOOK_STATES)[number];

/** Which learners the gradebook shows, and in which order. */
export interface GradebookFilter {
  /** Part of a learner's name. */
  search: string;
  lesson: string;
  state: GradebookState | '';
  /** `name`, `total` or a lesson. */
  sortBy: string;
  descending: boolean;
  page: number;
}

export const WHOLE_GRADEBOOK: GradebookFilter = {
  search: '',
  lesson: '',
  state: '',
  sortBy: 'name',
  descending: false,
  page: 1
};

/** Answers to one question. */
export interface Question {
  lesson: string;
  test: string;
  /** Whether names are hidden; null leaves it to the assignment's policy. */
  anonymous: boolean | null;
  includeGraded: boolean;
  page: number;
}

/** What the audit log shows. */
export interface AuditFilter {
  action: string;
  actor: string;
  page: number;
}

export type Place =
  | { page: 'home' }
  | { page: 'assignments'; course: string }
  | { page: 'attempts'; course: string; filter: AttemptsFilter }
  /** Without a course it is a link that does not know it, such as a dead letter's. */
  | { page: 'attempt'; course: string; attempt: string; filter: AttemptsFilter }
  | { page: 'regrades'; course: string; lesson: string; number: number }
  | { page: 'gradebook'; course: string; filter: GradebookFilter }
  /** One attempt to be graded, with the cell that is open there. */
  | { page: 'grading'; course: string; attempt: string; test: string }
  | { page: 'queue'; course: string }
  | { page: 'question'; course: string; question: Question; attempt: string }
  | { page: 'audit'; course: string; filter: AuditFilter }
  | { page: 'platforms'; course: string }
  | { page: 'dead-letters'; number: number }
  | AdministrationPlace
  | { page: 'unknown' };

function positive(text: string | null): number {
  const number = Number(text ?? '1');
  return Number.isSafeInteger(number) && number >= 1 ? number : 1;
}

/** Reads a filter from an address; what it does not understand it leaves out. */
export function filterOf(search: string): AttemptsFilter {
  const given = new URLSearchParams(search);
  const wanted = (given.get('status') ?? '').split(',');
  const sortBy = SORTABLE.find(column => column === given.get('sort_by'));
  return {
    lesson: given.get('lesson') ?? '',
    learner: given.get('learner') ?? '',
    statuses: STATUSES.filter(status => wanted.includes(status)),
    flagged: given.get('flagged') === 'true',
    sortBy: sortBy ?? NO_FILTER.sortBy,
    descending: given.get('order') !== 'asc',
    page: positive(given.get('page'))
  };
}

/** Reads the gradebook's filter from an address. */
export function gradebookFilterOf(search: string): GradebookFilter {
  const given = new URLSearchParams(search);
  const state = GRADEBOOK_STATES.find(known => known === given.get('state'));
  return {
    search: given.get('search') ?? '',
    lesson: given.get('lesson') ?? '',
    state: state ?? '',
    sortBy: given.get('sort_by') ?? WHOLE_GRADEBOOK.sortBy,
    descending: given.get('order') === 'desc',
    page: positive(given.get('page'))
  };
}

/** Writes the gradebook's filter as the API takes it; what is as usual is left out. */
export function gradebookQueryOf(filter: GradebookFilter): Record<string, string> {
  return {
    ...(filter.search && { search: filter.search }),
    ...(filter.lesson && { lesson: filter.lesson }),
    ...(filter.state && { state: filter.state }),
    ...(filter.sortBy !== WHOLE_GRADEBOOK.sortBy && { sort_by: filter.sortBy }),
    ...(filter.descending && { order: 'desc' }),
    ...(filter.page !== 1 && { page: String(filter.page) })
  };
}

function questionQueryOf(question: Question): Record<string, string> {
  return {
    test_id: question.test,
    ...(question.anonymous !== null && { anonymous: String(question.anonymous) }),
    ...(question.includeGraded && { include_graded: 'true' }),
    ...(question.page !== 1 && { page: String(question.page) })
  };
}

function questionOf(lesson: string, search: string): Question {
  const given = new URLSearchParams(search);
  const anonymous = given.get('anonymous');
  return {
    lesson,
    test: given.get('test_id') ?? '',
    anonymous: anonymous === null ? null : anonymous === 'true',
    includeGraded: given.get('include_graded') === 'true',
    page: positive(given.get('page'))
  };
}

function auditFilterOf(search: string): AuditFilter {
  const given = new URLSearchParams(search);
  return {
    action: given.get('action') ?? '',
    actor: given.get('actor') ?? '',
    page: positive(given.get('page'))
  };
}

/** Writes the audit log's filter as the API takes it. */
export function auditQueryOf(filter: AuditFilter): Record<string, string> {
  return {
    ...(filter.action && { action: filter.action }),
    ...(filter.actor && { actor: filter.actor }),
    ...(filter.page !== 1 && { page: String(filter.page) })
  };
}

/** Writes a filter as the API takes it; what is as usual is left out, so that addresses stay short. */
export function queryOf(filter: AttemptsFilter): Record<string, string> {
  const query: Record<string, string> = {};
  if (filter.lesson) {
    query.lesson = filter.lesson;
  }
  if (filter.learner) {
    query.learner = filter.learner;
  }
  if (filter.statuses.length > 0) {
    query.status = filter.statuses.join(',');
  }
  if (filter.flagged) {
    query.flagged = 'true';
  }
  if (filter.sortBy !== NO_FILTER.sortBy) {
    query.sort_by = filter.sortBy;
  }
  if (!filter.descending) {
    query.order = 'asc';
  }
  if (filter.page !== 1) {
    query.page = String(filter.page);
  }
  return query;
}

/** Whether a filter hides anything. */
export function isNarrowed(filter: AttemptsFilter): boolean {
  return (
    filter.lesson !== '' || filter.learner !== '' || filter.statuses.length > 0 || filter.flagged
  );
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The page at an address below the prefix, such as `/courses/python/attempts` with `?status=graded`. */
export function placeOf(path: string, search: string): Place {
  const parts = path.split('/').filter(Boolean).map(decoded);
  const [first, second, third, fourth] = parts;
  if (first === undefined) {
    return { page: 'home' };
  }
  if (first === 'dead-letters' && parts.length === 1) {
    return { page: 'dead-letters', number: positive(new URLSearchParams(search).get('page')) };
  }
  if (first === 'cohort') {
    return administrationPlaceOf(parts.slice(1), search) ?? { page: 'unknown' };
  }
  if (first === 'attempts' && second !== undefined && parts.length === 2) {
    return { page: 'attempt', course: '', attempt: second, filter: filterOf(search) };
  }
  if (first === 'courses' && second !== undefined) {
    if (parts.length === 2 || (third === 'assignments' && parts.length === 3)) {
      return { page: 'assignments', course: second };
    }
    if (third === 'regrades' && fourth !== undefined && parts.length === 4) {
      const number = positive(new URLSearchParams(search).get('page'));
      return { page: 'regrades', course: second, lesson: fourth, number };
    }
    if (third === 'gradebook' && parts.length === 3) {
      return { page: 'gradebook', course: second, filter: gradebookFilterOf(search) };
    }
    if (third === 'grading' && fourth !== undefined && parts.length === 4) {
      const test = new URLSearchParams(search).get('test_id') ?? '';
      return { page: 'grading', course: second, attempt: fourth, test };
    }
    if (third === 'queue' && parts.length === 3) {
      return { page: 'queue', course: second };
    }
    if (third === 'queue' && fourth !== undefined && parts.length === 4) {
      const attempt = new URLSearchParams(search).get('attempt') ?? '';
      const question = questionOf(fourth, search);
      return { page: 'question', course: second, question, attempt };
    }
    if (third === 'audit' && parts.length === 3) {
      return { page: 'audit', course: second, filter: auditFilterOf(search) };
    }
    if (third === 'platforms' && parts.length === 3) {
      return { page: 'platforms', course: second };
    }
    if (third === 'attempts' && parts.length === 3) {
      return { page: 'attempts', course: second, filter: filterOf(search) };
    }
    if (third === 'attempts' && fourth !== undefined && parts.length === 4) {
      return { page: 'attempt', course: second, attempt: fourth, filter: filterOf(search) };
    }
  }
  return { page: 'unknown' };
}

function withQuery(path: string, query: Record<string, string>): string {
  const text = new URLSearchParams(query).toString();
  return text ? `${path}?${text}` : path;
}

function inCourse(course: string, ...parts: string[]): string {
  return ['/courses', course, ...parts]
    .map((part, index) => (index === 0 ? part : encodeURIComponent(part)))
    .join('/');
}

/** The address of a page, below the prefix. */
export function addressOf(place: Place): string {
  if (isAdministration(place)) {
    return withQuery(...administrationAddressOf(place));
  }
  switch (place.page) {
    case 'home':
    case 'unknown':
      return '/';
    case 'assignments':
      return `/courses/${encodeURIComponent(place.course)}/assignments`;
    case 'attempts':
      return withQuery(
        `/courses/${encodeURIComponent(place.course)}/attempts`,
        queryOf(place.filter)
      );
    case 'attempt': {
      const attempt = `/attempts/${encodeURIComponent(place.attempt)}`;
      return withQuery(
        place.course ? `/courses/${encodeURIComponent(place.course)}${attempt}` : attempt,
        queryOf(place.filter)
      );
    }
    case 'regrades':
      return withQuery(
        `/courses/${encodeURIComponent(place.course)}/regrades/${encodeURIComponent(place.lesson)}`,
        place.number === 1 ? {} : { page: String(place.number) }
      );
    case 'gradebook':
      return withQuery(inCourse(place.course, 'gradebook'), gradebookQueryOf(place.filter));
    case 'grading':
      return withQuery(
        inCourse(place.course, 'grading', place.attempt),
        place.test ? { test_id: place.test } : {}
      );
    case 'queue':
      return inCourse(place.course, 'queue');
    case 'question':
      return withQuery(inCourse(place.course, 'queue', place.question.lesson), {
        ...questionQueryOf(place.question),
        ...(place.attempt && { attempt: place.attempt })
      });
    case 'audit':
      return withQuery(inCourse(place.course, 'audit'), auditQueryOf(place.filter));
    case 'platforms':
      return inCourse(place.course, 'platforms');
    case 'dead-letters':
      return withQuery('/dead-letters', place.number === 1 ? {} : { page: String(place.number) });
  }
}
