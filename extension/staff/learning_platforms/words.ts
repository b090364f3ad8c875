import type { PlatformCourse } from '../api/staff';
import { countText } from '../components/figures';

type Outcome = NonNullable<PlatformCourse['outcome']>;

/** What came of a roster, in one or two sentences. */
export function outcomeWords(outcome: Outcome): string {
  const { people, added, changed, left, problems, more_problems: more } = outcome;
  const parts = [
    ...(added > 0 ? [`${added} added`] : []),
    ...(changed > 0 ? [`${changed} with another role`] : []),
    ...(left > 0 ? [`${left} not there any more`] : []),
    ...(problems.length > 0 ? [`${problems.length + more} left out`] : [])
  ];
  const all = `${countText(people, 'person', 'people')} on the roster`;
  return parts.length === 0
    ? `${all}; everybody was here already.`
    : `${all}: ${parts.join(', ')}.`;
}
