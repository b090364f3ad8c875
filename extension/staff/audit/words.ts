// The audit log in words: pure functions.

import type { AuditEntry } from '../api/grading';

const OF_A_COURSE: Record<string, string> = {
  'grade.changed': 'Grade changed',
  'penalty.overridden': 'Penalty set by hand',
  'policy.changed': 'Rules changed',
  'extension.granted': 'Extension given',
  'extension.taken_back': 'Extension taken back',
  'rubric.changed': 'Rubric changed',
  'grades.released': 'Grades released',
  'grades.taken_back': 'Grades taken back',
  'grades.exported': 'Grades exported',
  'course.published': 'Course published',
  'regrade.requested': 'Regrade asked for',
  'regrade.confirmed': 'Regrade confirmed',
  'regrade.discarded': 'Regrade discarded',
  'assignment.released': 'Assignment released',
  'assignment.withdrawn': 'Assignment withdrawn',
  'feedback.released': 'Feedback released',
  'submission.autograded': 'Graded by nbgrader’s command',
  'import.done': 'Course moved in',
  'course.exported': 'Course moved out',
  'job.requeued': 'Job queued again',
  'enrolment.changed': 'Role in the course changed',
  'lti_course.connected': 'Course connected to a learning platform',
  'lti_lessons.linked': 'Lessons linked to a learning platform',
  'token.made': 'Token made',
  'token.ended': 'Token ended'
};

const OF_THE_COHORT: Record<string, string> = {
  'cohort_roles.changed': 'Roles in the cohort changed',
  'member.removed': 'Member removed',
  'member.restored': 'Member brought back',
  'member.joined': 'Member joined',
  'join.asked': 'Asked to join',
  'join.decided': 'Request to join decided',
  'person.changed': 'Name or mail changed',
  'roster.applied': 'Roster applied',
  'audit.exported': 'Audit log exported',
  'lti_platform.changed': 'Learning platform changed',
  'lti_key.made': 'Key for learning platforms made',
  'cohort.made': 'Cohort made',
  'cohort.changed': 'Cohort changed',
  'cohort.closed': 'Cohort closed',
  'cohort.reopened': 'Cohort opened again',
  'organization.made': 'Organisation made',
  'organization.closed': 'Organisation closed',
  'organization.reopened': 'Organisation opened again'
};

const ACTIONS: Record<string, string> = { ...OF_THE_COHORT, ...OF_A_COURSE };

/** What a course's log can hold. */
export const COURSE_ACTIONS = Object.keys(OF_A_COURSE);

/** What the cohort's log can hold. */
export const COHORT_ACTIONS = Object.keys(ACTIONS);

/** What an action is called; one that these pages do not know keeps its name. */
export const actionWords = (action: string): string =>
  ACTIONS[action] ?? action.replaceAll('.', ' ').replaceAll('_', ' ');

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;

function valueText(value: unknown, moment: (at: string) => string): string {
  if (value === null || value === undefined || value === '') {
    return 'nothing';
  }
  if (typeof value === 'boolean') {
    return value ? 'yes' : 'no';
  }
  if (typeof value === 'number') {
    return String(value);
  }
  if (typeof value === 'string') {
    // Names of choices, such as percent_per_day, read better without their underscores.
    return MOMENT.test(value)
      ? moment(value)
      : /^[a-z]+(_[a-z]+)+$/.test(value)
        ? value.replaceAll('_', ' ')
        : value;
  }
  if (Array.isArray(value)) {
    return value.length === 0 ? 'nothing' : value.map(item => valueText(item, moment)).join(', ');
  }
  return JSON.stringify(value);
}

export interface Change {
  name: string;
  before: string;
  after: string;
}

/** What differs between the two sides of an entry, each with its name in words; `moment` writes a time. */
export function changesOf(
  entry: Pick<AuditEntry, 'before' | 'after'>,
  moment: (at: string) => string
): Change[] {
  const before = entry.before ?? {};
  const after = entry.after ?? {};
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .map(name => ({
      name: name.replaceAll('_', ' '),
      before: valueText(before[name], moment),
      after: valueText(after[name], moment)
    }))
    .filter(change => change.before !== change.after);
}
