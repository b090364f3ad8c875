import { useEffect, useId, useLayoutEffect, useRef, type KeyboardEvent } from 'react';

import type { Gradable, RubricItem } from '../api/grading';
import { Moment, numberText } from '../components/figures';
import { Icon } from '../components/icons';
import { useKeys } from '../components/keys';
import { Failure } from '../components/notices';
import { Overtaken, type Side } from '../components/overtaken';

import { withMark, type Draft } from './draft';
import { Rubric, useRubric, type RubricPlace } from './rubric';
import { useGrade, type Saved } from './use_grade';

const rubricText = (marks: string[], rubric: RubricItem[]): string =>
  rubric
    .filter(item => marks.includes(item.id))
    .map(item => item.title)
    .join(', ');

const sidesOf = (theirs: Draft, mine: Draft, rubric: RubricItem[]): Side[] => [
  { name: 'Points', theirs: theirs.score, mine: mine.score },
  { name: 'Extra credit', theirs: theirs.extra, mine: mine.extra },
  { name: 'Comment', theirs: theirs.comment.trim(), mine: mine.comment.trim() },
  {
    name: 'Rubric',
    theirs: rubricText(theirs.rubric, rubric),
    mine: rubricText(mine.rubric, rubric)
  }
];

function Notes(props: { cell: Gradable }): React.JSX.Element | null {
  const { cell } = props;
  return (
    <>
      {cell.claim !== null && !cell.claim.mine && (
        <p className="mark waiting" data-testid="claimed-by">
          <Icon shape="lock" />
          <span>
            {cell.claim.by} is grading this; it is free again <Moment at={cell.claim.until} />
          </span>
        </p>
      )}
      {cell.carried_from !== null && (
        <p className="mark quiet">
          <Icon shape="info" />
          <span>Kept from an earlier attempt, where the answer was the same</span>
        </p>
      )}
    </>
  );
}

/** Points, extra credit, comment and rubric of one cell. Ctrl+Enter saves and goes on, wherever the focus is. */
export function GradeForm(props: {
  attempt: string;
  cell: Gradable;
  place: RubricPlace;
  /** Loads the cell again. */
  refresh: () => void;
  /** It was saved; `goesOn` when the grader wants the next one. */
  saved: (saved: Saved, goesOn: boolean) => void;
  /** Puts the focus into the score field at once, as after going on from there. */
  startsInScore: boolean;
}): React.JSX.Element {
  const { attempt, cell, place } = props;
  const grade = useGrade(attempt, cell, props.refresh);
  const rubric = useRubric(place);
  const form = useRef<HTMLFormElement>(null);
  const score = useRef<HTMLInputElement>(null);
  const comment = useRef<HTMLTextAreaElement>(null);
  const wrong = useId();
  const { draft } = grade;
  const items = rubric.data ?? [];
  const isManual = cell.kind === 'manual';
  // An answer that tests judge has no points of its own; only a comment may stand on it.
  const hasPoints = cell.kind !== 'answer';

  const { startsInScore } = props;
  // While it is drawn, as is listening below: what is typed at first sight belongs here.
  useLayoutEffect(() => {
    if (startsInScore) {
      score.current?.focus();
      score.current?.select();
    }
  }, [startsInScore]);

  const told = useRef(props.saved);
  told.current = props.saved;
  const isHere = useRef(true);
  useEffect(() => {
    isHere.current = true;
    return () => {
      isHere.current = false;
    };
  }, []);
  const wantsOn = useRef(false);
  const save = async (goesOn: boolean): Promise<void> => {
    // A press while a save is under way is that save's: it takes along what was typed meanwhile.
    wantsOn.current ||= goesOn;
    const outcome = await grade.save();
    if (outcome === null) {
      return;
    }
    const goes = wantsOn.current && outcome.end === 'done' && isHere.current;
    wantsOn.current = false;
    if (outcome.saved !== null) {
      told.current(outcome.saved, goes);
    }
    if (outcome.end === 'wrong') {
      score.current?.focus();
    }
  };
  const toggle = (item: string): void => {
    grade.change(withMark(draft, items, item, cell.max_points));
  };
  const numbers = Object.fromEntries(
    items.slice(0, 9).map((item, index) => [String(index + 1), () => toggle(item.id)])
  );
  useKeys({
    ...numbers,
    s: () => {
      score.current?.focus();
      score.current?.select();
    },
    c: () => comment.current?.focus()
  });
  const latest = useRef(save);
  latest.current = save;
  useLayoutEffect(() => {
    const press = (event: globalThis.KeyboardEvent): void => {
      const inDialog = event.target instanceof Element && event.target.closest('dialog') !== null;
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !inDialog) {
        event.preventDefault();
        void latest.current(true);
      }
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, []);
  const leave = (event: KeyboardEvent): void => {
    // Back to where J, K and the rubric's keys work.
    if (event.key === 'Escape' && event.target instanceof HTMLElement) {
      event.preventDefault();
      event.target.blur();
    }
  };

  return (
    <>
      <Notes cell={cell} />
      {grade.isOvertaken ? (
        <Overtaken
          words="Somebody saved this answer while you were grading it. Yours is not saved yet."
          sides={sidesOf(grade.saved, draft, items)}
          testId="grade"
          takeTheirs={grade.takeTheirs}
          keepMine={grade.keepMine}
        />
      ) : (
        grade.problem && <Failure problem={grade.problem} retry={() => void save(false)} />
      )}
      {hasPoints && <Rubric place={place} rubric={rubric} marks={draft.rubric} toggle={toggle} />}
      <form
        ref={form}
        className="grade-form"
        data-testid="grade-form"
        onKeyDown={leave}
        onSubmit={event => {
          event.preventDefault();
          void save(true);
        }}
      >
        {hasPoints && (
          <div className="field-row">
            <label className="field short">
              <span>
                Points of {numberText(cell.max_points)} <kbd aria-hidden="true">S</kbd>
              </span>
              <input
                ref={score}
                type="text"
                inputMode="decimal"
                autoComplete="off"
                value={draft.score}
                placeholder={
                  isManual || cell.auto_score === null
                    ? ''
                    : `${numberText(cell.auto_score)} by tests`
                }
                aria-invalid={grade.wrong !== null}
                aria-describedby={grade.wrong === null ? undefined : wrong}
                data-testid="grade-score"
                onChange={event => grade.change({ score: event.target.value })}
              />
            </label>
            <label className="field short">
              <span>Extra credit</span>
              <input
                type="text"
                inputMode="decimal"
                autoComplete="off"
                value={draft.extra}
                data-testid="grade-extra"
                onChange={event => grade.change({ extra: event.target.value })}
              />
            </label>
          </div>
        )}
        <label className="field">
          <span>
            Comment for the learner <kbd aria-hidden="true">C</kbd>
          </span>
          <textarea
            ref={comment}
            rows={3}
            value={draft.comment}
            maxLength={10_000}
            data-testid="grade-comment"
            onChange={event => grade.change({ comment: event.target.value })}
          />
        </label>
        {grade.wrong !== null && (
          <p className="failed" id={wrong} role="alert">
            {grade.wrong}
          </p>
        )}
        <p className="actions">
          <button
            type="submit"
            className="button primary"
            disabled={grade.isOvertaken}
            title="Save and go on (Ctrl+Enter)"
            data-testid="grade-save"
          >
            Save and go on
          </button>
          <button
            type="button"
            className="button"
            disabled={grade.isOvertaken || !grade.isChanged}
            data-testid="grade-save-stay"
            onClick={() => void save(false)}
          >
            Save
          </button>
          {grade.isBusy ? (
            <span className="quiet small" role="status" data-testid="grade-saving">
              Saving; what you type meanwhile is saved next
            </span>
          ) : (
            grade.isChanged && (
              <span className="quiet small" data-testid="grade-unsaved">
                Not saved yet; kept in this tab
              </span>
            )
          )}
        </p>
      </form>
    </>
  );
}
