import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { Message } from '@lumino/messaging';
import type { TranslationBundle } from '@jupyterlab/translation';
import { VDomRenderer } from '@jupyterlab/ui-components';

import type { Attempt } from '../api/types';
import { Headline, type Mood } from '../components/headline';
import { Notice, ProgressBar, Skeleton } from '../components/notices';
import { Attempts } from './attempts';
import type { CheckState } from './check';
import { FinalGrade } from './final_grade';
import type { Pending, SubmissionsModel } from './model';
import { Repairs } from './repairs';
import { TestRows } from './rows';
import { formatPoints, headline, isFinal, type ResultRow, rowsOf } from './verdict';

/** What the panel can set in motion. */
export interface ResultActions {
  goToCell(place: Pick<ResultRow, 'notebook' | 'cells'>): void;
  showReview(): void;
}

interface Props {
  model: SubmissionsModel;
  actions: ResultActions;
  rendermime: IRenderMimeRegistry;
}

function rowsFromCheck(state: CheckState): ResultRow[] {
  return state.results.map(result => ({
    id: `${state.place.notebook}/${result.gradeId}`,
    title: result.title,
    hidden: result.status === 'on_submit',
    driven: false,
    points: null,
    maxPoints: result.points,
    status: result.status,
    message: result.message,
    hint: result.hint,
    notebook: state.place.notebook,
    cells: [result.gradeId]
  }));
}

interface HeadlineWords {
  text: string;
  mood: Mood;
}

function checkHeadline(state: CheckState, trans: TranslationBundle): HeadlineWords {
  const ran = state.results.filter(result => result.status !== 'on_submit');
  const passed = ran.filter(result => result.status === 'passed').length;
  if (!state.finished) {
    return { text: trans.__('Checking…'), mood: 'plain' };
  }
  if (ran.length === 0) {
    return { text: trans.__('This notebook has no visible tests'), mood: 'plain' };
  }
  return {
    text: trans.__('%1 of %2 visible tests pass', passed, ran.length),
    mood: passed === ran.length ? 'passed' : 'failed'
  };
}

function pendingHeadline(pending: Pending, trans: TranslationBundle): HeadlineWords {
  const text = {
    saving: trans.__('Saving your notebook…'),
    sending: trans.__('Handing in…'),
    waiting: trans.__('Waiting for a connection'),
    refused: trans.__('Not accepted'),
    failed: trans.__('Not handed in yet')
  }[pending.stage];
  const refused = pending.stage === 'refused' || pending.stage === 'failed';
  return { text, mood: refused ? 'failed' : 'waiting' };
}

/** What a check does right now, how far it is, and the way to end it. */
function Running({
  state,
  model
}: {
  state: CheckState;
  model: SubmissionsModel;
}): React.JSX.Element {
  const { trans } = model.classroom;
  const { cells, tests } = state.progress;
  const doing =
    cells === null
      ? trans.__('Waiting for the kernel…')
      : cells.done < cells.total
        ? trans.__('Running your cells: %1 of %2', cells.done + 1, cells.total)
        : trans.__('%1 of %2 tests done', tests.done, tests.total);
  return (
    <div className="sh-Check-running" data-testid="check-running">
      <ProgressBar
        value={(cells?.done ?? 0) + tests.done}
        max={(cells?.total ?? 0) + tests.total}
        label={doing}
      />
      <span className="sh-Quiet">{doing}</span>
      <button
        type="button"
        className="sh-Link"
        data-testid="check-stop"
        title={trans.__('End this check, and interrupt what the kernel runs')}
        onClick={event => {
          // The button goes away with the check; the keyboard stays where the answer comes.
          event.currentTarget.closest<HTMLElement>('.sh-Results')?.focus();
          model.checks.stop();
        }}
      >
        {trans.__('Stop')}
      </button>
    </div>
  );
}

function CheckView({ model, actions, rendermime }: Props): React.JSX.Element | null {
  const state = model.checks.shown;
  if (!state) {
    return null;
  }
  const { trans, locale } = model.classroom;
  const hidden = state.results.filter(result => result.status === 'on_submit').length;
  const { text, mood } = checkHeadline(state, trans);
  return (
    <section className="sh-Section" aria-label={trans.__('Check')} data-testid="check-result">
      <p className="sh-Kicker">{trans.__('Check · not submitted')}</p>
      {state.message ? (
        <Notice tone={state.stopped ? 'waiting' : 'failed'} message={state.message} />
      ) : (
        <Headline text={text} mood={mood} testId="result-headline" />
      )}
      {!state.finished && <Running state={state} model={model} />}
      <TestRows
        rows={rowsFromCheck(state)}
        locale={locale}
        trans={trans}
        rendermime={rendermime}
        label={trans.__('Visible tests')}
        openFirst={state.finished}
        onGoToCell={row => actions.goToCell(row)}
      />
      {state.finished && hidden > 0 && (
        <p className="sh-Quiet">
          {trans._n(
            '%1 more test runs when you submit.',
            '%1 more tests run when you submit.',
            hidden
          )}
        </p>
      )}
      {state.finished && model.shown && (
        <button type="button" className="sh-Link" onClick={() => model.closeCheck()}>
          {trans.__('Back to the last attempt')}
        </button>
      )}
    </section>
  );
}

function PendingView({
  model,
  pending,
  actions,
  rendermime
}: Props & { pending: Pending }): React.JSX.Element {
  const { trans, locale } = model.classroom;
  const { text, mood } = pendingHeadline(pending, trans);
  const refused = pending.stage === 'refused' || pending.stage === 'failed';
  const fallback =
    pending.stage === 'waiting'
      ? trans.__(
          'Your work is safe on this server and is handed in as soon as the classroom answers.'
        )
      : '';
  const message = pending.message || fallback;
  const action = pending.retry
    ? { label: trans.__('Try again'), run: pending.retry }
    : refused
      ? { label: trans.__('OK'), run: () => void model.dismissPending() }
      : undefined;
  return (
    <section className="sh-Section" data-testid={`pending-${pending.stage}`}>
      <Headline text={text} mood={mood} testId="result-headline" />
      {message && (
        <Notice tone={refused ? 'failed' : 'waiting'} message={message} action={action} />
      )}
      {!refused && (
        <TestRows
          rows={pending.rows}
          locale={locale}
          trans={trans}
          rendermime={rendermime}
          label={trans.__('Tests')}
          openFirst={false}
          onGoToCell={row => actions.goToCell(row)}
        />
      )}
    </section>
  );
}

function runningWords(attempt: Attempt, model: SubmissionsModel): string {
  const { trans } = model.classroom;
  if (attempt.status === 'running') {
    return trans.__('Running the tests…');
  }
  return attempt.position !== null && attempt.position > 1
    ? trans.__('In line: number %1', attempt.position)
    : trans.__('Next in line…');
}

function headlineOf(attempt: Attempt, model: SubmissionsModel): HeadlineWords {
  const { trans, locale } = model.classroom;
  if (!isFinal(attempt)) {
    return { text: runningWords(attempt, model), mood: 'waiting' };
  }
  if (attempt.status === 'refused') {
    return { text: trans.__('Not graded'), mood: 'failed' };
  }
  if (attempt.status === 'internal_error') {
    return { text: trans.__('Grading did not finish'), mood: 'waiting' };
  }
  const parts = headline(attempt, model.gainedBy(attempt), locale, trans);
  const waiting = attempt.final ? attempt.final.needs_grading : attempt.status === 'needs_manual';
  // The tests alone did not pass; whether the grade as a whole does is the grader's to say, not ours.
  const notPassed = attempt.final ? 'plain' : 'failed';
  return {
    text: parts.join(' · '),
    mood: waiting ? 'waiting' : attempt.passed ? 'passed' : notPassed
  };
}

function AttemptView({
  model,
  attempt,
  actions,
  rendermime
}: Props & { attempt: Attempt }): React.JSX.Element {
  const { trans, locale } = model.classroom;
  const rows = rowsOf(attempt, model.progress.of(attempt.id));
  const { text, mood } = headlineOf(attempt, model);
  const done = rows.filter(row => row.status !== 'waiting').length;
  const report = attempt.report;
  const offersReview = model.lessons.lesson(attempt.course, attempt.lesson)?.ai_review ?? true;
  // An empty message means that there is nothing to say, like none at all.
  const said = report?.message ?? '';
  const message =
    said !== ''
      ? said
      : attempt.status === 'internal_error'
        ? trans.__(
            'This was not your fault. Your submission is kept and your instructor can see it; no attempt is lost.'
          )
        : '';
  return (
    <section className="sh-Section" aria-label={trans.__('Attempt %1', attempt.number)}>
      <Headline text={text} mood={mood} testId="result-headline" />
      <FinalGrade model={model} attempt={attempt} />
      {!isFinal(attempt) && rows.length > 0 && (
        <ProgressBar
          value={done}
          max={rows.length}
          label={trans.__('%1 of %2 tests done', done, rows.length)}
        />
      )}
      {message && <Notice tone="waiting" message={message} />}
      {isFinal(attempt) && !report && attempt.status === 'graded' && (
        <Skeleton rows={4} label={trans.__('Loading the results')} />
      )}
      <TestRows
        key={attempt.id}
        rows={rows}
        locale={locale}
        trans={trans}
        rendermime={rendermime}
        label={trans.__('Tests')}
        openFirst={isFinal(attempt)}
        onGoToCell={row => actions.goToCell(row)}
      />
      {report && report.repairs.length > 0 && (
        <Repairs
          repairs={report.repairs}
          trans={trans}
          onGoToCell={cell => actions.goToCell(cell)}
        />
      )}
      {isFinal(attempt) && attempt.status !== 'refused' && offersReview && (
        <button
          type="button"
          className="sh-Link"
          data-testid="open-review-button"
          onClick={() => actions.showReview()}
        >
          {trans.__('Get a review of this attempt')}
        </button>
      )}
    </section>
  );
}

/** What a screen reader is told when the panel's state changes. */
function announcement(model: SubmissionsModel): string {
  const { trans } = model.classroom;
  const check = model.checks.shown;
  if (check) {
    return check.message || checkHeadline(check, trans).text;
  }
  if (model.pending) {
    const { text } = pendingHeadline(model.pending, trans);
    return model.pending.message ? `${text}. ${model.pending.message}` : text;
  }
  return model.shown ? headlineOf(model.shown, model).text : '';
}

function ResultView(props: Props): React.JSX.Element {
  const { model } = props;
  const { trans, locale } = model.classroom;
  const { place } = model;
  if (!place) {
    return (
      <Notice
        tone="quiet"
        message={trans.__('Open a lesson from the course outline; its results appear here.')}
      />
    );
  }
  const lesson = model.lessons.lesson(place.course, place.lesson);
  const bestPercent = lesson?.best_percent ?? null;
  const shown = model.shown;
  return (
    <>
      {/* This region stays while the sections below it come and go, or nothing would be read out. */}
      <p className="sh-VisuallyHidden" role="status" aria-live="polite" aria-atomic="true">
        {announcement(model)}
      </p>
      <div className="sh-Panel-header">
        <h2>{lesson?.title ?? place.lesson}</h2>
        {bestPercent !== null && (
          <span className="sh-Quiet">
            {trans.__(
              'Best %1 %, pass at %2 %',
              formatPoints(Math.round(bestPercent), locale),
              lesson?.pass_score ?? 0
            )}
          </span>
        )}
      </div>
      {model.pending && !model.checks.shown && <PendingView {...props} pending={model.pending} />}
      {model.checks.shown && <CheckView {...props} />}
      {!model.checks.shown && !model.pending && shown && <AttemptView {...props} attempt={shown} />}
      {model.error && !model.pending && (
        <Notice
          tone="failed"
          message={model.error}
          action={{ label: trans.__('Try again'), run: () => void model.refresh() }}
        />
      )}
      {model.attempts === null && !model.error && !model.checks.shown && !model.pending && (
        <Skeleton rows={4} label={trans.__('Loading your attempts')} />
      )}
      {model.attempts?.length === 0 && !model.checks.shown && !model.pending && (
        <Notice
          tone="quiet"
          message={trans.__(
            'Nothing handed in yet. “Check” tries the visible tests here; “Submit” runs them all and counts.'
          )}
        />
      )}
      <Attempts model={model} />
    </>
  );
}

/** The right panel: the verdict, one row per test, and the attempts. */
export class ResultPanel extends VDomRenderer<SubmissionsModel> {
  constructor(
    model: SubmissionsModel,
    private readonly _actions: ResultActions,
    private readonly _rendermime: IRenderMimeRegistry
  ) {
    super(model);
    this.id = 'studyhall-results';
    this.node.tabIndex = -1;
    this.addClass('sh-Panel');
    this.addClass('sh-Results');
    this.node.dataset.testid = 'result-panel';
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', model.classroom.trans.__('Results'));
  }

  protected override onActivateRequest(msg: Message): void {
    super.onActivateRequest(msg);
    this.node.focus();
  }

  protected override render(): React.JSX.Element {
    return <ResultView model={this.model} actions={this._actions} rendermime={this._rendermime} />;
  }
}
