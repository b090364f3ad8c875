import type { OutlineLesson } from '../api/types';

/** How many lessons a learner has passed, of those that can be: nobody passes what is there to be read. */
export function passedOf(lessons: readonly OutlineLesson[]): { passed: number; total: number } {
  const graded = lessons.filter(lesson => lesson.has_tests);
  return {
    passed: graded.filter(lesson => lesson.state === 'passed').length,
    total: graded.length
  };
}
