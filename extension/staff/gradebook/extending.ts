// What an extension may be: pure functions.

import type { GradebookAssignment } from '../api/grading';
import { fieldMoment, fieldText } from '../components/moment_field';

type Dates = Pick<GradebookAssignment, 'due_at' | 'closes_at'>;

/** Until when everybody has time; null where time is not limited, so that nobody needs more of it. */
export const everybodysEnd = ({ due_at, closes_at }: Dates): string | null => due_at ?? closes_at;

/**
 * What is wrong with a due time for one learner, in a sentence; null when it can be given. `exact` says a moment in
 * words. The service has the last word, since everybody's dates may change meanwhile.
 */
export function extensionProblem(
  typed: string,
  dates: Dates,
  exact: (moment: Date) => string
): string | null {
  const end = everybodysEnd(dates);
  const given = fieldMoment(typed);
  if (end === null || given === null) {
    return null;
  }
  // The field knows no seconds: what it shows of everybody's own moment is no more time either.
  return typed === fieldText(end) || new Date(given) <= new Date(end)
    ? `Everybody has until ${exact(new Date(end))}. Choose a later moment.`
    : null;
}
