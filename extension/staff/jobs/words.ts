import type { DeadLetter } from '../api/staff';

const TASKS: Record<string, string> = {
  'grading.grade': 'Grade an attempt',
  'regrading.go_on': 'Go on with a regrade',
  'lti.pass_back': 'Send a grade to a learning platform',
  'lti.synchronize': 'Take over a learning platform’s roster',
  'ai_review.review': 'Review an attempt',
  'nbgrader.execute': 'Run a learner’s notebook for a grader',
  'nbgrader.synchronize': 'Bring a course’s nbgrader gradebook up to date'
};

/** What a task does, in words; a task that these pages do not know keeps its name. */
export function taskWords(task: string): string {
  const known = TASKS[task];
  if (known !== undefined) {
    return known;
  }
  return task.startsWith('events.') ? 'Deliver an event' : task;
}

/** One of a job's arguments, when it is a text. */
export function textArgument(letter: DeadLetter, name: string): string | null {
  const value: unknown = letter.arguments[name];
  return typeof value === 'string' ? value : null;
}
