import { VDomRenderer } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import { useRef, useState } from 'react';

import type { LessonState, Outline, OutlineLesson, OutlineUnit } from '../api/types';
import type { IClassroom } from '../classroom/tokens';
import { urgency } from '../classroom/times';
import { LessonIcon } from '../components/icons';
import { Moment, useNow } from '../components/moment';
import { Notice, ProgressBar, Skeleton } from '../components/notices';
import { filterOutline } from './filter';
import type { OutlineModel } from './model';
import { passedOf } from './progress';

/** What the panel can set in motion. */
export interface OutlineActions {
  open(course: string, lesson: string): void;
  update(course: string, lesson: string): void;
}

function stateWords(state: LessonState, trans: TranslationBundle): string {
  return {
    locked: trans.__('Locked'),
    new: trans.__('New'),
    started: trans.__('Started'),
    submitted: trans.__('Submitted'),
    passed: trans.__('Passed')
  }[state];
}

function LessonRow(props: {
  lesson: OutlineLesson;
  focusable: boolean;
  opening: boolean;
  classroom: IClassroom;
  onOpen: () => void;
  onUpdate: () => void;
  onFocus: () => void;
}): React.JSX.Element {
  const { lesson, classroom } = props;
  const { trans, locale, timeZone } = classroom;
  const now = useNow();
  const locked = lesson.state === 'locked';
  const update = lesson.update_available && !locked;
  const label = update
    ? trans.__('%1, update available', stateWords(lesson.state, trans))
    : stateWords(lesson.state, trans);
  const closed = lesson.closes_at !== null && new Date(lesson.closes_at) <= now;
  const due = closed ? lesson.closes_at : (lesson.due_at ?? lesson.closes_at);
  const dueWords = closed
    ? trans.__('closed')
    : lesson.due_at
      ? trans.__('due')
      : trans.__('closes');
  const pressing =
    due && lesson.state !== 'passed' ? `sh-mod-${urgency(new Date(due), now)}` : 'sh-mod-later';
  return (
    <li className="sh-LessonItem">
      <button
        type="button"
        className={`sh-LessonRow${locked ? ' sh-mod-locked' : ''}`}
        data-testid={`lesson-row-${lesson.slug}`}
        data-lesson={lesson.slug}
        data-state={lesson.state}
        tabIndex={props.focusable ? 0 : -1}
        aria-disabled={locked}
        aria-busy={props.opening}
        onClick={props.onOpen}
        onFocus={props.onFocus}
      >
        <LessonIcon state={lesson.state} update={update} label={label} />
        <span className="sh-LessonRow-text">
          <span className="sh-LessonRow-title">{lesson.title}</span>
          {locked && lesson.locked_reason && (
            <span className="sh-LessonRow-reason">
              {withoutLonelyPercent(lesson.locked_reason)}
            </span>
          )}
          {due && (
            <Moment
              at={due}
              locale={locale}
              timeZone={timeZone}
              className={`sh-LessonRow-due ${pressing}`}
              prefix={`${dueWords} `}
            />
          )}
        </span>
        <span className="sh-LessonRow-numbers">
          {lesson.best_percent !== null && (
            <span className="sh-LessonRow-score" title={trans.__('Your best score')}>
              {Math.round(lesson.best_percent)} %
            </span>
          )}
          <span className="sh-LessonRow-minutes">{trans.__('%1 min', lesson.minutes)}</span>
        </span>
      </button>
      {update && lesson.fetched_release !== null && (
        <button
          type="button"
          className="sh-Link sh-LessonRow-update"
          onClick={props.onUpdate}
          title={trans.__('Get the newest version. Files that you changed stay as they are.')}
          aria-label={trans.__('Update “%1”', lesson.title)}
        >
          {trans.__('Update')}
        </button>
      )}
    </li>
  );
}

function UnitSection(props: {
  unit: OutlineUnit;
  whole: OutlineUnit;
  row: (lesson: OutlineLesson) => React.JSX.Element;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { unit, whole, trans } = props;
  const { passed, total } = passedOf(whole.lessons);
  return (
    <section className="sh-Unit" aria-label={unit.title}>
      <header className="sh-Unit-header">
        <h3>{unit.title}</h3>
        {total > 0 && (
          <span className="sh-Unit-count" aria-hidden="true">
            {passed}/{total}
          </span>
        )}
      </header>
      {total > 0 && (
        <ProgressBar
          value={passed}
          max={total}
          label={trans.__('%1 of %2 lessons passed', passed, total)}
        />
      )}
      <ul className="sh-LessonList">{unit.lessons.map(props.row)}</ul>
    </section>
  );
}

/** Keeps a percent sign on the line of its number. */
function withoutLonelyPercent(text: string): string {
  return text.replace(/ %/g, '\u00a0%');
}

/** Moves the focus between the rows: arrows, Home and End. */
function moveFocus(event: React.KeyboardEvent<HTMLElement>): void {
  const rows = [...event.currentTarget.querySelectorAll<HTMLButtonElement>('.sh-LessonRow')];
  const current = rows.findIndex(row => row === document.activeElement);
  if (current < 0) {
    return;
  }
  const next = {
    ArrowDown: Math.min(rows.length - 1, current + 1),
    ArrowUp: Math.max(0, current - 1),
    Home: 0,
    End: rows.length - 1
  }[event.key];
  if (next !== undefined) {
    event.preventDefault();
    rows[next]?.focus();
  }
}

function Lessons(props: {
  outline: Outline;
  model: OutlineModel;
  classroom: IClassroom;
  actions: OutlineActions;
}): React.JSX.Element {
  const { outline, model, classroom, actions } = props;
  const { trans } = classroom;
  const [focused, setFocused] = useState<string | null>(null);
  const units = filterOutline(outline, model.query);
  const visible = units.flatMap(unit => unit.lessons);
  const tabStop = visible.some(lesson => lesson.slug === focused)
    ? focused
    : (visible.find(lesson => lesson.slug === outline.continue?.lesson)?.slug ?? visible[0]?.slug);
  if (visible.length === 0) {
    return model.query ? (
      <Notice
        tone="quiet"
        message={trans.__('No lesson matches “%1”.', model.query)}
        action={{ label: trans.__('Clear the search'), run: () => model.search('') }}
      />
    ) : (
      <Notice
        tone="quiet"
        message={trans.__(
          'This course has no lessons yet. They appear here once they are published.'
        )}
      />
    );
  }
  return (
    <div className="sh-Units" onKeyDown={moveFocus}>
      {units.map(unit => (
        <UnitSection
          key={unit.slug}
          unit={unit}
          whole={outline.units.find(other => other.slug === unit.slug) ?? unit}
          trans={trans}
          row={lesson => (
            <LessonRow
              key={lesson.slug}
              lesson={lesson}
              classroom={classroom}
              focusable={lesson.slug === tabStop}
              opening={model.opening === lesson.slug}
              onFocus={() => setFocused(lesson.slug)}
              onOpen={() => actions.open(outline.course.slug, lesson.slug)}
              onUpdate={() => actions.update(outline.course.slug, lesson.slug)}
            />
          )}
        />
      ))}
    </div>
  );
}

function CourseSwitcher(props: {
  model: OutlineModel;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { model, trans } = props;
  const courses = model.courses ?? [];
  if (courses.length <= 1) {
    return <h2 className="sh-Course-title">{model.outline?.course.title ?? courses[0]?.title}</h2>;
  }
  return (
    <select
      className="sh-Select sh-Course-switcher"
      aria-label={trans.__('Course')}
      value={model.course ?? ''}
      onChange={event => void model.choose(event.target.value)}
    >
      {courses.map(course => (
        <option key={course.slug} value={course.slug}>
          {course.title}
        </option>
      ))}
    </select>
  );
}

function OutlineView(props: {
  model: OutlineModel;
  classroom: IClassroom;
  actions: OutlineActions;
}): React.JSX.Element {
  const { model, classroom, actions } = props;
  const { trans } = classroom;
  const { outline } = model;
  const search = useRef<HTMLInputElement>(null);
  const retry = { label: trans.__('Try again'), run: () => void model.refresh() };
  if (!model.courses || (!outline && model.courses.length > 0 && !model.error)) {
    return model.error ? (
      <Notice tone="failed" message={model.error} action={retry} testId="outline-error" />
    ) : (
      <Skeleton rows={8} label={trans.__('Loading your lessons')} />
    );
  }
  if (!outline) {
    return model.error ? (
      <Notice tone="failed" message={model.error} action={retry} testId="outline-error" />
    ) : (
      <Notice
        tone="quiet"
        message={trans.__(
          'You are not enrolled in a course yet. Ask your instructor for an invitation, then look here again.'
        )}
        action={retry}
      />
    );
  }
  const next = outline.continue;
  const lessons = outline.units.flatMap(unit => unit.lessons);
  const { passed, total } = passedOf(lessons);
  return (
    <>
      <div className="sh-Outline-top">
        <CourseSwitcher model={model} trans={trans} />
        {total > 0 && (
          <p className="sh-Quiet">{trans.__('%1 of %2 lessons passed', passed, total)}</p>
        )}
        {next ? (
          <button
            type="button"
            className="jp-Button jp-mod-styled jp-mod-accept sh-Button sh-Continue"
            data-testid="continue-button"
            disabled={model.opening !== null}
            onClick={() => actions.open(outline.course.slug, next.lesson)}
          >
            {trans.__('Continue: %1', next.title)}
          </button>
        ) : (
          total > 0 && (
            <p className="sh-Quiet">
              {passed === total
                ? trans.__('You have passed every lesson.')
                : trans.__(
                    'No lesson takes submissions right now. You can still open those you have.'
                  )}
            </p>
          )
        )}
        {model.note && (
          <Notice
            tone={model.note.passing ? 'quiet' : 'waiting'}
            message={model.note.text}
            action={
              model.note.passing
                ? undefined
                : { label: trans.__('OK'), run: () => model.tell(null) }
            }
            testId="outline-note"
          />
        )}
        {model.away && !model.error && (
          <Notice
            tone="waiting"
            message={trans.__(
              'The classroom is away right now. Go on working: what you submit is kept and sent when it is back.'
            )}
            testId="outline-away"
          />
        )}
        {model.error && <Notice tone="failed" message={model.error} action={retry} />}
        {lessons.length > 5 && (
          <input
            ref={search}
            type="search"
            className="sh-Search"
            aria-label={trans.__('Filter lessons')}
            placeholder={trans.__('Filter lessons')}
            value={model.query}
            onChange={event => model.search(event.target.value)}
            onKeyDown={event => {
              if (event.key === 'ArrowDown') {
                event.preventDefault();
                search.current
                  ?.closest('.sh-Outline')
                  ?.querySelector<HTMLElement>('.sh-LessonRow[tabindex="0"]')
                  ?.focus();
              }
            }}
          />
        )}
      </div>
      <Lessons outline={outline} model={model} classroom={classroom} actions={actions} />
    </>
  );
}

/** The left panel: courses, units and lessons. */
export class OutlinePanel extends VDomRenderer<OutlineModel> {
  constructor(
    model: OutlineModel,
    private readonly _classroom: IClassroom,
    private readonly _actions: OutlineActions
  ) {
    super(model);
    this.id = 'studyhall-outline';
    this.node.tabIndex = -1;
    this.addClass('sh-Panel');
    this.addClass('sh-Outline');
    this.node.dataset.testid = 'outline';
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', _classroom.trans.__('Course outline'));
  }

  /** The keyboard goes to the lesson to continue with. */
  protected override onActivateRequest(msg: Message): void {
    super.onActivateRequest(msg);
    const row = this.node.querySelector<HTMLElement>('.sh-LessonRow[tabindex="0"]');
    (row ?? this.node).focus();
  }

  protected override render(): React.JSX.Element {
    return <OutlineView model={this.model} classroom={this._classroom} actions={this._actions} />;
  }
}
