// Lists of attempts, and the way from one attempt of a list to the next.

import type { Listed } from '../api/client';
import { useRemote, type Remote } from '../api/remote';
import { readAttempts, type StaffAttempt } from '../api/staff';
import { queryOf, type AttemptsFilter, type Place } from '../navigation/addresses';

import { placeInList } from './place_in_list';

export const ROWS = 25;

const IN_FLIGHT_EVERY_MS = 4_000;

export function isInFlight(status: string): boolean {
  return status === 'queued' || status === 'running';
}

/** One page of a course's attempts; loaded again by itself while one of them is being graded. */
export function useAttempts(
  course: string,
  filter: AttemptsFilter | null
): Remote<Listed<StaffAttempt>> {
  const query = filter === null ? null : { ...queryOf(filter), limit: ROWS };
  return useRemote(
    query === null || course === '' ? null : `attempts ${course} ${JSON.stringify(query)}`,
    signal => readAttempts(course, query ?? {}, signal),
    list =>
      list?.items.some(attempt => isInFlight(attempt.status)) === true ? IN_FLIGHT_EVERY_MS : null
  );
}

export interface Neighbours {
  /** Place in the whole list, from 1; null when the list does not hold the attempt. */
  position: number | null;
  total: number;
  previous: Place | null;
  next: Place | null;
}

/** The attempts before and after one in the list that it was opened from. */
export function useNeighbours(course: string, filter: AttemptsFilter, attempt: string): Neighbours {
  const list = useAttempts(course, filter).data;
  const place = list === null ? null : placeInList(list, attempt);
  const otherPage = (page: number | null | undefined): AttemptsFilter | null =>
    page === null || page === undefined || page === filter.page ? null : { ...filter, page };
  const before = useAttempts(course, otherPage(place?.previousPage)).data;
  const after = useAttempts(course, otherPage(place?.nextPage)).data;
  if (list === null || place?.position === null || place === null) {
    return { position: null, total: list?.total ?? 0, previous: null, next: null };
  }
  const to = (item: StaffAttempt | undefined, page: number | null): Place | null =>
    item === undefined || page === null
      ? null
      : { page: 'attempt', course, attempt: item.id, filter: { ...filter, page } };
  return {
    position: place.position,
    total: list.total,
    previous: to(list.items[place.index - 1] ?? before?.items.at(-1), place.previousPage),
    next: to(list.items[place.index + 1] ?? after?.items[0], place.nextPage)
  };
}
