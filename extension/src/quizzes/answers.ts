import type { QuizAnswer, QuizQuestion } from '../api/types';

/** What the learner has entered, by question: an option's id or a text. */
export type Draft = Record<string, string>;

/** The answers in the shape that the service takes; unanswered questions are left out. */
export function answersFrom(draft: Draft, questions: QuizQuestion[]): QuizAnswer[] {
  return questions
    .filter(question => isAnswered(draft, question))
    .map(question => {
      const value = draft[question.id] ?? '';
      return question.type === 'multiple_choice'
        ? { question_id: question.id, selected_option_id: value, answer_text: null }
        : { question_id: question.id, selected_option_id: null, answer_text: value.trim() };
    });
}

export function isAnswered(draft: Draft, question: QuizQuestion): boolean {
  return (draft[question.id] ?? '').trim() !== '';
}

export function answeredCount(draft: Draft, questions: QuizQuestion[]): number {
  return questions.filter(question => isAnswered(draft, question)).length;
}
