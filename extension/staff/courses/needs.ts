// What needs a member of staff today, counted from the lists that show it.

import { readJoins } from '../api/administration';
import { readQueue } from '../api/grading';
import { readAttempts, readDeadLetters, type StaffCourse } from '../api/staff';
import { NO_FILTER, queryOf, type AttemptsFilter, type Place } from '../navigation/addresses';

export type NeedKind =
  'dead_letters' | 'joins' | 'failed' | 'answers' | 'manual' | 'flagged' | 'in_flight';

export interface Need {
  kind: NeedKind;
  count: number;
  /** Title of the course; none when it is about the whole cohort. */
  course: string | null;
  to: Place;
}

const FLAGGED_DAYS = 7;

/** How many of these moments are at most so many days before `now`. */
export function recent(moments: string[], now: Date, days: number): number {
  const since = now.getTime() - days * 86_400_000;
  return moments.filter(moment => new Date(moment).getTime() >= since).length;
}

/** What somebody may see of what needs doing. */
export interface NeedsPermissions {
  deadLetters: boolean;
  grades: boolean;
  joins: boolean;
}

async function answersToGrade(course: StaffCourse, signal: AbortSignal): Promise<Need> {
  const questions = await readQueue(course.slug, signal);
  return {
    kind: 'answers',
    count: questions.reduce((sum, question) => sum + question.waiting, 0),
    course: course.title,
    to: { page: 'queue', course: course.slug }
  };
}

async function needsOfCourse(
  course: StaffCourse,
  now: Date,
  permissions: NeedsPermissions,
  signal: AbortSignal
): Promise<Need[]> {
  const count = async (filter: AttemptsFilter): Promise<number> =>
    (await readAttempts(course.slug, { ...queryOf(filter), limit: 1 }, signal)).total;
  const failed: AttemptsFilter = { ...NO_FILTER, statuses: ['internal_error'] };
  const manual: AttemptsFilter = { ...NO_FILTER, statuses: ['needs_manual'] };
  const inFlight: AttemptsFilter = { ...NO_FILTER, statuses: ['queued', 'running'] };
  const flagged: AttemptsFilter = { ...NO_FILTER, flagged: true };
  const [failedCount, byHand, inFlightCount, flaggedOnes] = await Promise.all([
    count(failed),
    permissions.grades ? answersToGrade(course, signal) : count(manual),
    count(inFlight),
    readAttempts(course.slug, { ...queryOf(flagged), limit: 100 }, signal)
  ]);
  const need = (kind: NeedKind, number: number, filter: AttemptsFilter): Need => ({
    kind,
    count: number,
    course: course.title,
    to: { page: 'attempts', course: course.slug, filter }
  });
  return [
    need('failed', failedCount, failed),
    typeof byHand === 'number' ? need('manual', byHand, manual) : byHand,
    need(
      'flagged',
      recent(
        flaggedOnes.items.map(attempt => attempt.submitted_at),
        now,
        FLAGGED_DAYS
      ),
      flagged
    ),
    need('in_flight', inFlightCount, inFlight)
  ];
}

/** Everything that needs somebody, the most pressing kind first; what counts zero is left out. */
export async function readNeeds(
  courses: StaffCourse[],
  permissions: NeedsPermissions,
  signal: AbortSignal
): Promise<Need[]> {
  const now = new Date();
  const [letters, joins, ...needs] = await Promise.all([
    permissions.deadLetters ? readDeadLetters(1, signal).then(list => list.total) : 0,
    permissions.joins
      ? readJoins({ state: 'waiting', limit: 1 }, signal).then(list => list.total)
      : 0,
    ...courses.map(course => needsOfCourse(course, now, permissions, signal))
  ]);
  const order: NeedKind[] = [
    'dead_letters',
    'joins',
    'failed',
    'answers',
    'manual',
    'flagged',
    'in_flight'
  ];
  const ofCohort: Need[] = [
    {
      kind: 'dead_letters',
      count: letters,
      course: null,
      to: { page: 'dead-letters', number: 1 }
    },
    {
      kind: 'joins',
      count: joins,
      course: null,
      to: { page: 'approvals', state: 'waiting', number: 1 }
    }
  ];
  return [...ofCohort, ...needs.flat()]
    .filter(need => need.count > 0)
    .sort((one, other) => order.indexOf(one.kind) - order.indexOf(other.kind));
}
