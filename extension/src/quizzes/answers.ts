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

/**
 * What is heard of an option that shows a formula or a picture, which a browser has no words for; nothing for others, whose
 * own text is heard.
 */
export function spokenOption(markdown: string): string | undefined {
  const pictures = /!\[([^\]]*)\]\([^)]*\)/g;
  if (!markdown.includes('$') && !pictures.test(markdown)) {
    return undefined;
  }
  const words = markdown.replace(pictures, '$1').replace(/[$`*]/g, ' ');
  return words.replace(/\s+/g, ' ').trim() || undefined;
}
