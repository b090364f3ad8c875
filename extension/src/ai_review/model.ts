import { VDomModel } from '@jupyterlab/ui-components';

import { Newest } from '../api/newest';
import { ApiError } from '../api/request';
import type { Review } from '../api/types';
import type { IClassroom } from '../classroom/tokens';
import type { ILessons } from '../courses/tokens';
import type { ISubmissions } from '../submissions/tokens';

/** The review of the attempt that the result panel shows. */
export class ReviewModel extends VDomModel {
  review: Review | null = null;
  error: string | null = null;
  loading = false;
  asking = false;
  /** Whether the classroom has said if there is a review; before that nobody asks for one in place of it. */
  known = false;

  constructor(
    readonly classroom: IClassroom,
    readonly submissions: ISubmissions,
    private readonly _lessons: ILessons
  ) {
    super();
    submissions.changed.connect(() => void this._follow());
    classroom.events.received.connect((_, event) => {
      if (event.name === 'ai_review.updated' && event.data.submission_id === this._attempt) {
        this._newest.changed();
        void this.load();
      }
    });
    classroom.events.refreshNeeded.connect(() => {
      if (this.review?.status === 'processing' || (this._visible && !this.known)) {
        void this.load();
      }
    });
  }

  /** Whether the shown attempt's lesson gives reviews; taken for granted until the outline says. */
  get offered(): boolean {
    const attempt = this.submissions.shown;
    const lesson = attempt && this._lessons.lesson(attempt.course, attempt.lesson);
    return lesson?.ai_review ?? true;
  }

  /** Who would read the shown attempt; null until the outline says. */
  get reviewer(): 'claude' | 'offline' | null {
    const attempt = this.submissions.shown;
    const lesson = attempt && this._lessons.lesson(attempt.course, attempt.lesson);
    return lesson?.ai_reviewer ?? null;
  }

  /** Reads the review only while somebody looks at the panel. */
  setVisible(visible: boolean): void {
    this._visible = visible;
    if (visible && !this.review) {
      void this.load();
    }
  }

  /** Asks for a review of the shown attempt. */
  async ask(): Promise<void> {
    const attempt = this.submissions.shown;
    if (!attempt || this.asking) {
      return;
    }
    this.asking = true;
    this.error = null;
    this.stateChanged.emit();
    try {
      await this.classroom.api.askForReview(attempt.id);
      await this.load();
    } catch (reason) {
      this.error = this._words(reason);
    } finally {
      this.asking = false;
      this.stateChanged.emit();
    }
  }

  async load(): Promise<void> {
    const attempt = this._attempt;
    if (!attempt) {
      return;
    }
    const newest = this._newest;
    this._loads += 1;
    this.loading = true;
    this.stateChanged.emit();
    try {
      await newest.ask(
        () => this.classroom.api.review(attempt),
        review => {
          if (attempt === this._attempt) {
            this.review = review;
            this.known = true;
            this.error = null;
          }
        }
      );
    } catch (reason) {
      // Not asked for yet is no error, nor is what became of an attempt that is not shown any more.
      const isMissing = reason instanceof ApiError && reason.code === 'not_found';
      if (attempt === this._attempt) {
        this.known ||= isMissing;
        this.error = isMissing ? null : this._words(reason);
      }
    } finally {
      this._loads -= 1;
      this.loading = this._loads > 0;
      this.stateChanged.emit();
    }
  }

  private async _follow(): Promise<void> {
    const attempt = this.submissions.shown?.id ?? null;
    if (attempt === this._attempt) {
      this.stateChanged.emit();
      return;
    }
    this._attempt = attempt;
    this._newest = new Newest();
    this.review = null;
    this.known = false;
    this.error = null;
    this.stateChanged.emit();
    if (this._visible) {
      await this.load();
    }
  }

  private _words(reason: unknown): string {
    return reason instanceof ApiError
      ? reason.message
      : this.classroom.trans.__('The review could not be loaded. Try again in a moment.');
  }

  private _attempt: string | null = null;
  /** Of the shown attempt's review. */
  private _newest = new Newest();
  private _loads = 0;
  private _visible = false;
}
