import { VDomModel } from '@jupyterlab/ui-components';

import { ApiError } from '../api/request';
import type { Quiz, QuizResult } from '../api/types';
import type { IClassroom } from '../classroom/tokens';
import { answeredCount, answersFrom, type Draft } from './answers';

const SAVE_AFTER_MS = 700;

/** One quiz of a course; every card that shows it shares this. */
export class QuizModel extends VDomModel {
  quiz: Quiz | null = null;
  result: QuizResult | null = null;
  draft: Draft = {};
  error: string | null = null;
  submitting = false;
  /** Whether the draft on the screen is stored by the service. */
  saved = true;

  constructor(
    readonly classroom: IClassroom,
    readonly id: string,
    readonly course: string
  ) {
    super();
    classroom.events.refreshNeeded.connect(() => {
      if (!this.quiz) {
        void this.load();
      } else if (this._isCutOff) {
        void this._save();
      }
    });
  }

  /** All questions have an answer. */
  get complete(): boolean {
    const questions = this.quiz?.questions ?? [];
    return questions.length > 0 && answeredCount(this.draft, questions) === questions.length;
  }

  /** Loads the quiz with its draft, or the last result when no attempt is under way. */
  async load(): Promise<void> {
    try {
      const quiz = await this.classroom.api.quiz(this.id, this.course);
      const last = [...quiz.attempts].sort((one, two) => two.number - one.number)[0];
      const result =
        last && !quiz.in_progress ? await this.classroom.api.quizResult(last.id) : null;
      // It is shown with all that belongs to it, and once: what is typed from then on stays.
      if (this.quiz) {
        return;
      }
      this.quiz = quiz;
      this._clearError();
      this.result = result;
      if (quiz.in_progress) {
        this._attempt = quiz.in_progress.attempt_id;
        this.draft = quiz.in_progress.answers;
      }
    } catch (reason) {
      if (this.quiz) {
        return;
      }
      this.error = this._words(reason);
    }
    this.stateChanged.emit();
  }

  /** Takes an answer and saves it a moment later. */
  answer(question: string, value: string): void {
    this.draft = { ...this.draft, [question]: value };
    this.saved = false;
    this.stateChanged.emit();
    // Not put off by what is typed next: whoever writes without a pause and loads the page anew loses a moment's work.
    this._timer ??= window.setTimeout(() => {
      this._timer = null;
      void this._save();
    }, SAVE_AFTER_MS);
  }

  /** Hands in a complete set of answers; an incomplete one is never sent. */
  async submit(): Promise<void> {
    const quiz = this.quiz;
    if (!quiz || !this.complete || this.submitting) {
      return;
    }
    if (this._timer !== null) {
      window.clearTimeout(this._timer);
      this._timer = null;
    }
    this.submitting = true;
    this._clearError();
    this.stateChanged.emit();
    try {
      const attempt = await this._ensureAttempt();
      const answers = answersFrom(this.draft, quiz.questions);
      this._finish(await this.classroom.api.submitQuiz(attempt, answers));
    } catch (reason) {
      this._fail(reason);
    } finally {
      this.submitting = false;
      this.stateChanged.emit();
    }
  }

  /** Shows the questions again, empty. */
  tryAgain(): void {
    this.result = null;
    this.draft = {};
    this.saved = true;
    this._clearError();
    this.stateChanged.emit();
  }

  private _finish(result: QuizResult): void {
    this.result = result;
    this._attempt = null;
    this.saved = true;
    this._clearError();
  }

  private _fail(reason: unknown): void {
    this.error = this._words(reason);
    this._isCutOff = reason instanceof ApiError && reason.temporary;
  }

  private _clearError(): void {
    this.error = null;
    this._isCutOff = false;
  }

  /** Saves one draft after the other, so that it is the last one that stays. */
  private async _save(): Promise<void> {
    if (this._saving) {
      this._saveAgain = true;
      return;
    }
    this._saving = true;
    do {
      await this._saveDraft();
    } while (this._saveAgain);
    this._saving = false;
  }

  private async _saveDraft(): Promise<void> {
    this._saveAgain = false;
    const quiz = this.quiz;
    if (!quiz || this.submitting || this.result) {
      return;
    }
    const draft = this.draft;
    let attempt: string | null = null;
    try {
      attempt = await this._ensureAttempt();
      if (this._takesDrafts(attempt)) {
        await this.classroom.api.saveQuizAnswers(attempt, answersFrom(draft, quiz.questions));
      }
      if (this._takesDrafts(attempt)) {
        this.saved = draft === this.draft;
        this._clearError();
      }
    } catch (reason) {
      if (this._takesDrafts(attempt)) {
        if (attempt !== null && reason instanceof ApiError && reason.code === 'quiz_finished') {
          await this._showResult(attempt);
        } else {
          this._fail(reason);
        }
      }
    }
    this.stateChanged.emit();
  }

  /** Shows the result of answers that were handed in, though their reply was lost or went to another window. */
  private async _showResult(attempt: string): Promise<void> {
    try {
      const result = await this.classroom.api.quizResult(attempt);
      if (this._takesDrafts(attempt)) {
        this._finish(result);
      }
    } catch (reason) {
      if (this._takesDrafts(attempt)) {
        this._fail(reason);
      }
    }
  }

  /** Whether an attempt's answers are not handed in yet: from then on a draft is of no interest any more. */
  private _takesDrafts(attempt: string | null): boolean {
    return !this.submitting && attempt === this._attempt;
  }

  /** An attempt begins with the first answer, not by looking at the questions. */
  private async _ensureAttempt(): Promise<string> {
    if (this._attempt === null) {
      // A draft being saved and the final answer may both want to begin: they share one request.
      this._starting ??= this.classroom.api
        .startQuiz(this.id, this.course)
        .finally(() => (this._starting = null));
      this._attempt = (await this._starting).attempt_id;
    }
    return this._attempt;
  }

  private _words(reason: unknown): string {
    const { trans } = this.classroom;
    if (!(reason instanceof ApiError)) {
      return trans.__('The quiz could not be reached. Your answers are still here.');
    }
    return reason.temporary && this.quiz && reason.status !== 429
      ? trans.__(
          'The classroom cannot be reached right now. Keep this window open: your answers are in it, and are saved as soon as the classroom is back. Then press Answer.'
        )
      : reason.message;
  }

  private _attempt: string | null = null;
  private _starting: ReturnType<IClassroom['api']['startQuiz']> | null = null;
  private _saving = false;
  private _saveAgain = false;
  private _timer: number | null = null;
  /** Whether what went wrong last will work again by itself. */
  private _isCutOff = false;
}
