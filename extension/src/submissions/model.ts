import type { NotebookPanel } from '@jupyterlab/notebook';
import { VDomModel } from '@jupyterlab/ui-components';
import { UUID } from '@lumino/coreutils';
import { Signal } from '@lumino/signaling';

import type { ClassroomEvent } from '../api/events';
import { Newest } from '../api/newest';
import { ApiError } from '../api/request';
import type { Attempt, OutboxItem, OutboxUpdate } from '../api/types';
import type { IClassroom } from '../classroom/tokens';
import { samePlace } from '../courses/place';
import type { ILessons, LessonPlace } from '../courses/tokens';
import { expectedRows } from './check';
import { Checking } from './checking';
import { Saving, whySaveFailed } from './saving';
import type { ISubmissions } from './tokens';
import { GainBook } from './gains';
import { isFinal, ProgressBook, type ResultRow, withGrade, withReports } from './verdict';

/** A press of Submit that has not become an attempt yet. */
export interface Pending {
  key: string;
  place: LessonPlace;
  stage: 'saving' | 'sending' | 'waiting' | 'refused' | 'failed';
  message: string;
  rows: ResultRow[];
  /** Sends the same snapshot under the same key again. */
  retry: (() => void) | null;
}

/** A second click within this time is the same press. */
const DOUBLE_CLICK_MS = 1_000;
const RETRY_DELAYS_MS = [500, 1_500, 4_000];

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => {
    window.setTimeout(resolve, milliseconds);
  });
}

/** The attempts at the current lesson, what is on its way, and the last check. */
export class SubmissionsModel extends VDomModel implements ISubmissions {
  readonly changed: Signal<ISubmissions, void> = new Signal<ISubmissions, void>(this);
  place: LessonPlace | null = null;
  attempts: Attempt[] | null = null;
  error: string | null = null;
  pending: Pending | null = null;
  compareWith: string | null = null;
  readonly progress = new ProgressBook();
  readonly saving = new Saving();
  readonly checks: Checking;

  constructor(
    readonly classroom: IClassroom,
    readonly lessons: ILessons
  ) {
    super();
    this.checks = new Checking(classroom.trans, () => this._notify());
    classroom.events.received.connect((_, event) => this._onEvent(event));
    classroom.events.refreshNeeded.connect(() => void this.refresh());
    classroom.changed.connect(() => this._notify());
    lessons.changed.connect(() => this._notify());
  }

  get shown(): Attempt | null {
    return this.attempts?.find(attempt => attempt.id === this._shown) ?? this.attempts?.[0] ?? null;
  }

  /** Whether a press of Submit would be a second one. */
  get busy(): boolean {
    return this._busy;
  }

  /** XP that an attempt brought, as far as this window has seen. */
  gainedBy(attempt: Attempt): number {
    return this._gains.of(attempt.id);
  }

  /** Attempts that are left in a lesson; null where there is no limit. */
  attemptsLeft(place: LessonPlace): number | null {
    const lesson = this.lessons.lesson(place.course, place.lesson);
    if (!lesson) {
      return null;
    }
    return lesson.attempts_max === null
      ? null
      : Math.max(0, lesson.attempts_max - lesson.attempts_used);
  }

  /** Follows the notebook in front; a notebook of the learner's own leaves the last lesson shown. */
  async setPlace(place: LessonPlace | null): Promise<void> {
    if (!place || samePlace(place, this.place)) {
      this.place = place ?? this.place;
      return;
    }
    this.place = place;
    this._list = new Newest();
    this.attempts = null;
    this.error = null;
    this.checks.follow(place);
    this.compareWith = null;
    this._shown = null;
    if (this.pending && !samePlace(this.pending.place, place)) {
      this.pending = null;
    }
    this._notify();
    await this.refresh();
  }

  async refresh(): Promise<void> {
    const place = this.place;
    if (!place) {
      return;
    }
    const list = this._list;
    try {
      await list.ask(
        () => this.classroom.api.attempts(place.course, place.lesson, true),
        attempts => {
          if (list === this._list) {
            this.attempts = withReports(attempts, this.attempts);
            this.error = null;
          }
        }
      );
      if (list !== this._list) {
        // Another lesson is in front by now, and has asked for its own.
        return;
      }
      await this._completeShown();
    } catch (reason) {
      if (list === this._list && this.attempts === null) {
        this.error = this._words(reason);
      }
    }
    // The outbox is on this server, and tells of itself while the classroom is away.
    await this._readOutbox();
    this._notify();
  }

  async show(attempt: string): Promise<void> {
    this._shown = attempt;
    this.checks.close();
    this.compareWith = null;
    this._notify();
    await this._completeShown();
  }

  async compare(other: string | null): Promise<void> {
    this.compareWith = other;
    this._notify();
    if (other) {
      await this._complete(other);
    }
  }

  /** Saves the notebook and hands it in, exactly once however often the button is hit. */
  async submit(panel: NotebookPanel): Promise<void> {
    const place = this.lessons.placeOf(panel);
    if (!place || this._busy) {
      return;
    }
    this._busy = true;
    const pressed = Date.now();
    const pending: Pending = {
      key: UUID.uuid4(),
      place,
      stage: 'saving',
      message: '',
      rows: expectedRows(panel, place),
      retry: null
    };
    void this.setPlace(place);
    this.pending = pending;
    this.checks.close();
    this._notify();
    try {
      await this.saving.complete(panel);
      await this._send(pending, panel.context.localPath);
    } catch (reason) {
      pending.stage = 'failed';
      pending.message = this._saveWords(reason);
    } finally {
      this._notify();
      await pause(Math.max(0, pressed + DOUBLE_CLICK_MS - Date.now()));
      this._busy = false;
      this._notify();
    }
  }

  private _saveWords(reason: unknown): string {
    const { trans } = this.classroom;
    switch (whySaveFailed(reason)) {
      case 'away':
        return trans.__(
          'Your notebook server does not answer, so your notebook was neither saved nor submitted. Keep this window open: your latest changes are only in it. Submit again when you are connected, or start your server again from the File menu, Hub Control Panel.'
        );
      case 'signed-out':
        return trans.__(
          'You are signed out, so your notebook was neither saved nor submitted. Keep this window open: your latest changes are only in it. Sign in again in a new tab, then submit again here.'
        );
      case 'refused':
        return trans.__(
          'Your notebook could not be saved, so nothing was submitted. Save it, then submit again.'
        );
    }
  }

  /** Runs the visible tests in the notebook's own kernel. */
  async runCheck(panel: NotebookPanel): Promise<void> {
    const place = this.lessons.placeOf(panel);
    if (!place || this.checks.isRunning) {
      return;
    }
    await this.checks.run(panel, place);
  }

  closeCheck(): void {
    this.checks.close();
    this._notify();
  }

  /** Takes a refused or failed submission off the panel. */
  async dismissPending(): Promise<void> {
    const pending = this.pending;
    this.pending = null;
    this._notify();
    if (pending?.stage === 'refused') {
      try {
        await this.classroom.api.dismissRefused(pending.key);
      } catch {
        // It was never stored, or is gone already: either way there is nothing left to take away.
      }
    }
  }

  private async _send(pending: Pending, path: string): Promise<void> {
    const { course, lesson } = pending.place;
    pending.stage = 'sending';
    pending.message = '';
    pending.retry = null;
    this._notify();
    for (let attemptNumber = 0; ; attemptNumber += 1) {
      try {
        const reply = await this.classroom.api.submit(course, lesson, pending.key, path);
        this._outbox.changed();
        if ('state' in reply) {
          pending.stage = 'waiting';
          pending.message = reply.message;
          // It may have been sent, and told so, before this reply was here.
          void this._readOutbox().then(() => this._notify());
        } else {
          this._handedIn(pending, reply);
        }
        return;
      } catch (reason) {
        const delay = RETRY_DELAYS_MS[attemptNumber];
        if (reason instanceof ApiError && reason.temporary && delay !== undefined) {
          await pause(delay);
          continue;
        }
        pending.stage = reason instanceof ApiError && !reason.temporary ? 'refused' : 'failed';
        pending.message = this._words(reason);
        pending.retry =
          pending.stage === 'failed'
            ? () => void this._send(pending, path).then(() => this._notify())
            : null;
        return;
      }
    }
  }

  private _handedIn(pending: Pending, reply: Attempt): void {
    this.lessons.refresh();
    // Another lesson may be in front by now: its attempts are none of this one's.
    if (samePlace(pending.place, this.place)) {
      // What an event has told of the attempt before this reply was here is not older than the reply.
      const isKnown = this.attempts?.some(attempt => attempt.id === reply.id) ?? false;
      if (!isKnown || isFinal(reply)) {
        this._adopt(reply);
      }
      this._shown = null;
    }
    if (this.pending?.key === pending.key) {
      this.pending = null;
    }
  }

  private _onEvent(event: ClassroomEvent): void {
    switch (event.name) {
      case 'submission.progress':
        this.progress.note(event.data);
        if (this.shown?.id === event.data.attempt_id) {
          this._notify();
        }
        break;
      case 'submission.updated':
        if (samePlace(event.data, this.place)) {
          this._adopt(event.data);
          void this._completeShown();
        }
        break;
      case 'submission.position': {
        const waiting = this.attempts?.find(attempt => attempt.id === event.data.attempt_id);
        // It may have been taken, and told so, before this arrived.
        if (waiting?.status === 'queued') {
          this._adopt({ ...waiting, position: event.data.position });
        }
        break;
      }
      case 'rewards.updated':
        if (event.data.gained) {
          this._gains.gain(event.data.gained);
          this._notify();
        }
        break;
      case 'outbox.updated':
        this._onOutbox(event.data);
        break;
      case 'grades.updated':
        if (samePlace(event.data, this.place)) {
          this._list.changed();
          this.attempts = withGrade(this.attempts, event.data);
          this._notify();
        }
        void this.refresh();
        break;
      default:
        break;
    }
  }

  private _onOutbox(update: OutboxUpdate): void {
    const { state, attempt } = update;
    this._outbox.changed();
    if (!samePlace(update, this.place)) {
      return;
    }
    if (attempt) {
      this._adopt(attempt);
    }
    // While a press is being sent, its own reply tells the rest.
    const pending = this.pending;
    if (pending && (pending.key !== update.idempotency_key || pending.stage === 'sending')) {
      return;
    }
    if (state === 'waiting' || state === 'refused') {
      this._showOutboxItem({ ...update, state });
      this._notify();
    } else if (pending) {
      this.pending = null;
      this._shown = null;
      void this.refresh();
    }
  }

  private _showOutboxItem(item: OutboxItem): void {
    if (this.place) {
      this.pending = {
        key: item.idempotency_key,
        place: this.place,
        stage: item.state,
        message: item.message,
        rows: this.pending?.rows ?? [],
        retry: null
      };
    }
  }

  /** Puts an attempt into the list, or a newer state of it over the older one. */
  private _adopt(attempt: Attempt): void {
    const known = this.attempts ?? [];
    const before = known.find(other => other.id === attempt.id);
    if (before && isFinal(before) && !isFinal(attempt)) {
      // The reply to the submission can arrive after the verdict itself.
      return;
    }
    this._list.changed();
    const merged = { ...attempt, report: attempt.report ?? before?.report ?? null };
    const others = known.filter(other => other.id !== attempt.id);
    this.attempts = [merged, ...others].sort((one, two) => two.number - one.number);
    if (isFinal(attempt)) {
      this.progress.forget(attempt.id);
    }
    if (this.pending?.stage === 'waiting' && samePlace(attempt, this.pending.place)) {
      this.pending = null;
      this._shown = null;
    }
    this._notify();
  }

  private async _completeShown(): Promise<void> {
    const attempt = this.shown;
    if (attempt) {
      await this._complete(attempt.id);
    }
  }

  /** Fetches the report of a finished attempt that came without one. */
  private async _complete(id: string): Promise<void> {
    const attempt = this.attempts?.find(other => other.id === id);
    if (!attempt || attempt.report || !isFinal(attempt)) {
      return;
    }
    try {
      const { report } = await this.classroom.api.attempt(id);
      // Only the report was missing: the rest, and a report that came by itself, may be newer than this answer.
      this.attempts =
        this.attempts?.map(other =>
          other.id === id && !other.report && isFinal(other) ? { ...other, report } : other
        ) ?? null;
    } catch (reason) {
      if (this.attempts?.some(other => other.id === id)) {
        this.error = this._words(reason);
      }
    }
    this._notify();
  }

  /** Learns which snapshots still wait on this server, also after a reload of the page. */
  private async _readOutbox(): Promise<void> {
    const place = this.place;
    if (!place) {
      return;
    }
    let isGone: boolean | null;
    try {
      isGone = await this._outbox.ask(
        () => this.classroom.api.outbox(),
        items => this._takeOutbox(items, place)
      );
    } catch {
      return;
    }
    if (isGone) {
      await this.refresh();
    }
  }

  /** Shows what of a lesson waits in the outbox; tells whether something that was shown there has gone from it. */
  private _takeOutbox(items: OutboxItem[], place: LessonPlace): boolean {
    // While a press is being sent, its own reply tells the rest.
    const isSending = this.pending?.stage === 'saving' || this.pending?.stage === 'sending';
    if (isSending || !samePlace(place, this.place)) {
      return false;
    }
    const latest = Date.parse(this.attempts?.[0]?.submitted_at ?? '') || 0;
    const item = items.find(
      other =>
        samePlace(other, place) &&
        (this.pending
          ? other.idempotency_key === this.pending.key
          : // An old refusal is no news once a later attempt has gone through.
            other.state === 'waiting' || Date.parse(other.created_at) > latest)
    );
    if (item) {
      this._showOutboxItem(item);
    } else if (this.pending?.stage === 'waiting') {
      this.pending = null;
      this._shown = null;
      return true;
    }
    return false;
  }

  private _words(reason: unknown): string {
    return reason instanceof ApiError
      ? reason.message
      : this.classroom.trans.__('Something unexpected happened. Your work is safe; try again.');
  }

  private _notify(): void {
    this.stateChanged.emit();
    this.changed.emit();
  }

  /** Of the attempts at the lesson in front. */
  private _list = new Newest();
  private readonly _outbox = new Newest();
  private _shown: string | null = null;
  private _busy = false;
  private readonly _gains = new GainBook();
}
