import type { Attempt } from '../api/types';
import { exactTime } from '../classroom/times';
import { Moment } from '../components/moment';
import { TestIcon } from '../components/icons';
import type { SubmissionsModel } from './model';
import { formatPoints, isFinal, rowsOf, statusWords } from './verdict';

function mood(attempt: Attempt): string {
  if (!isFinal(attempt)) {
    return 'sh-mod-pending';
  }
  if (attempt.status === 'needs_manual') {
    return 'sh-mod-waiting';
  }
  return attempt.passed ? 'sh-mod-passed' : 'sh-mod-failed';
}

function attemptWords(attempt: Attempt, model: SubmissionsModel): string {
  const { trans, locale, timeZone } = model.classroom;
  const when = exactTime(new Date(attempt.submitted_at), locale, timeZone);
  const score =
    attempt.percent === null
      ? trans.__('no score yet')
      : trans.__('%1 percent', Math.round(attempt.percent));
  return trans.__('Attempt %1, %2, %3', attempt.number, score, when);
}

/** The attempts as dots on a line, oldest first; a dot shows its attempt. */
function Timeline(props: { model: SubmissionsModel; attempts: Attempt[] }): React.JSX.Element {
  const { model } = props;
  return (
    <ol className="sh-Timeline" data-testid="attempt-timeline">
      {[...props.attempts].reverse().map(attempt => (
        <li key={attempt.id}>
          <button
            type="button"
            className={`sh-Timeline-dot ${mood(attempt)}${attempt.counts ? ' sh-mod-counts' : ''}`}
            aria-pressed={attempt.id === model.shown?.id}
            aria-label={attemptWords(attempt, model)}
            title={attemptWords(attempt, model)}
            data-testid={`attempt-${attempt.number}`}
            onClick={() => void model.show(attempt.id)}
          >
            {attempt.number}
          </button>
        </li>
      ))}
    </ol>
  );
}

function Comparison(props: {
  model: SubmissionsModel;
  one: Attempt;
  other: Attempt;
}): React.JSX.Element {
  const { model } = props;
  const { trans, locale } = model.classroom;
  const [older, newer] = [props.one, props.other].sort((a, b) => a.number - b.number) as [
    Attempt,
    Attempt
  ];
  const before = new Map(rowsOf(older, model.progress.of(older.id)).map(row => [row.id, row]));
  const after = rowsOf(newer, model.progress.of(newer.id));
  return (
    <table className="sh-Comparison" data-testid="attempt-comparison">
      <thead>
        <tr>
          <th scope="col">{trans.__('Test')}</th>
          <th scope="col">{trans.__('Attempt %1', older.number)}</th>
          <th scope="col">{trans.__('Attempt %1', newer.number)}</th>
        </tr>
      </thead>
      <tbody>
        {after.map(row => {
          const old = before.get(row.id);
          const changed = old?.status !== row.status || old.points !== row.points;
          return (
            <tr key={row.id} className={changed ? 'sh-mod-changed' : ''}>
              <th scope="row">{row.title}</th>
              <td>
                {old ? (
                  <>
                    <TestIcon status={old.status} label={statusWords(old.status, trans)} />
                    {old.points === null ? '' : formatPoints(old.points, locale)}
                  </>
                ) : (
                  '–'
                )}
              </td>
              <td>
                <TestIcon status={row.status} label={statusWords(row.status, trans)} />
                {row.points === null ? '' : formatPoints(row.points, locale)}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** Earlier attempts: which one is shown, and what changed between two of them. */
export function Attempts(props: { model: SubmissionsModel }): React.JSX.Element | null {
  const { model } = props;
  const { trans, locale, timeZone } = model.classroom;
  const attempts = model.attempts ?? [];
  const shown = model.shown;
  if (!shown) {
    return null;
  }
  const others = attempts.filter(attempt => attempt.id !== shown.id && isFinal(attempt));
  const compared = others.find(attempt => attempt.id === model.compareWith);
  return (
    <section className="sh-Section" aria-label={trans.__('Attempts')}>
      <h3>{trans.__('Attempts')}</h3>
      <Timeline model={model} attempts={attempts} />
      <p className="sh-Quiet">
        {trans.__('Attempt %1', shown.number)} ·{' '}
        <Moment at={shown.submitted_at} locale={locale} timeZone={timeZone} />
        {shown.late && ` · ${trans.__('late')}`}
        {shown.counts && ` · ${trans.__('this one counts')}`}
      </p>
      {others.length > 0 && isFinal(shown) && (
        <label className="sh-Compare">
          {trans.__('Compare with')}{' '}
          <select
            className="sh-Select"
            data-testid="compare-select"
            value={compared?.id ?? ''}
            onChange={event => void model.compare(event.target.value || null)}
          >
            <option value="">{trans.__('nothing')}</option>
            {others.map(attempt => (
              <option key={attempt.id} value={attempt.id}>
                {trans.__('Attempt %1', attempt.number)}
              </option>
            ))}
          </select>
        </label>
      )}
      {compared && <Comparison model={model} one={shown} other={compared} />}
    </section>
  );
}
