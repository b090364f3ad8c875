import type { IStateDB } from '@jupyterlab/statedb';
import { VDomModel } from '@jupyterlab/ui-components';

import { Newest } from '../api/newest';
import { ApiError, passes } from '../api/request';
import type { CourseSummary, Outline, OutlineLesson } from '../api/types';
import type { IClassroom } from '../classroom/tokens';

/** After a failure the panel mends itself as soon as the classroom answers again. */
const RETRY_MS = 15_000;
const PASSING_MS = 6_000;
const COURSE_KEY = 'studyhall:course';

interface Loaded {
  courses: CourseSummary[];
  /** The course whose outline it is; null without any course. */
  chosen: string | null;
  outline: Outline | null;
}

export interface OutlineNote {
  text: string;
  /** Goes away by itself after a moment. */
  passing: boolean;
  /** Tells of a connection or a sign-in that is gone, and is true no longer than that. */
  cutOff: boolean;
}

/** What the outline panel shows: the learner's courses and the chosen course's lessons. */
export class OutlineModel extends VDomModel {
  courses: CourseSummary[] | null = null;
  outline: Outline | null = null;
  error: string | null = null;
  query = '';
  /** A message about the lesson that was just opened; a passing one goes away by itself. */
  note: OutlineNote | null = null;
  /** The lesson that is being fetched. */
  opening: string | null = null;

  constructor(
    private readonly _classroom: IClassroom,
    private readonly _state: IStateDB | null
  ) {
    super();
    _classroom.events.received.connect((_, event) => {
      if (event.name === 'submission.updated' || event.name === 'grades.updated') {
        this.refreshSoon();
      }
    });
    _classroom.events.refreshNeeded.connect(() => this.refreshSoon());
    _classroom.events.connectionChanged.connect(() => this.stateChanged.emit());
    _classroom.changed.connect(() => this.stateChanged.emit());
  }

  get course(): string | null {
    return this.outline?.course.slug ?? this._wanted;
  }

  lesson(course: string, slug: string): OutlineLesson | null {
    if (this.outline?.course.slug !== course) {
      return null;
    }
    const lessons = this.outline.units.flatMap(unit => unit.lessons);
    return lessons.find(lesson => lesson.slug === slug) ?? null;
  }

  /** Whether the classroom behind the learner's server cannot be reached. */
  get away(): boolean {
    return this._classroom.events.connection === 'offline';
  }

  /** Loads everything again; `background` says that nobody asked for it. */
  async refresh(background = false): Promise<void> {
    try {
      await this._newest.ask(
        () => this._load(background),
        ({ courses, chosen, outline }) => {
          this.courses = courses;
          this.outline = outline;
          this._wanted = chosen;
          this.error = null;
          if (this.note?.cutOff) {
            this.note = null;
          }
        }
      );
    } catch (reason) {
      // What was shown before stays true enough while the connection comes and goes.
      if (!this.outline || !background) {
        this.error = this._words(reason);
      }
    }
    this.stateChanged.emit();
    if ((this.error !== null || this.note?.cutOff) && this._timer === 0) {
      this._later(RETRY_MS);
    }
  }

  async choose(course: string): Promise<void> {
    // An answer on its way may still be the other course's.
    this._newest.changed();
    this._wanted = course;
    this.outline = null;
    this.note = null;
    this.stateChanged.emit();
    await this._state?.save(COURSE_KEY, course);
    await this.refresh();
  }

  search(query: string): void {
    this.query = query;
    this.stateChanged.emit();
  }

  tell(text: string | null, passing = false): void {
    const note = text === null ? null : { text, passing, cutOff: false };
    this.note = note;
    if (passing) {
      window.setTimeout(() => {
        if (this.note === note) {
          this.tell(null);
        }
      }, PASSING_MS);
    }
    this.stateChanged.emit();
  }

  /** Tells why a lesson could not be opened; the words for a lost connection go when it is back. */
  tellFailure(reason: unknown): void {
    const { trans } = this._classroom;
    this.note = {
      text:
        reason instanceof ApiError
          ? reason.message
          : trans.__('The lesson could not be opened. Try again in a moment.'),
      passing: false,
      cutOff: passes(reason)
    };
    this.stateChanged.emit();
    if (this.note.cutOff && this._timer === 0) {
      this._later(RETRY_MS);
    }
  }

  setOpening(lesson: string | null): void {
    this.opening = lesson;
    this.stateChanged.emit();
  }

  /** Loads again in the background; several wishes within a moment are one. */
  refreshSoon(): void {
    this._later(250);
  }

  private _later(milliseconds: number): void {
    window.clearTimeout(this._timer);
    this._timer = window.setTimeout(() => {
      this._timer = 0;
      void this.refresh(true);
    }, milliseconds);
  }

  private async _load(background: boolean): Promise<Loaded> {
    const { api } = this._classroom;
    const courses = await api.courses(background);
    const remembered = this._wanted ?? (await this._remembered());
    const wanted = this._wanted ?? remembered;
    const chosen = (courses.find(({ slug }) => slug === wanted) ?? courses[0])?.slug ?? null;
    const outline = chosen === null ? null : await api.outline(chosen, background);
    return { courses, chosen, outline };
  }

  private async _remembered(): Promise<string | null> {
    const saved = await this._state?.fetch(COURSE_KEY);
    return typeof saved === 'string' ? saved : null;
  }

  private _words(reason: unknown): string {
    return reason instanceof ApiError
      ? reason.message
      : this._classroom.trans.__('The outline could not be loaded. Try again in a moment.');
  }

  private readonly _newest = new Newest();
  private _wanted: string | null = null;
  private _timer = 0;
}
