import type { Attempt } from '../api/types';
import { Moment } from '../components/moment';
import type { SubmissionsModel } from './model';
import { formatPoints } from './verdict';

/** The grade that counts once staff have released it: the sum, what was added and taken, and each comment. */
export function FinalGrade(props: {
  model: SubmissionsModel;
  attempt: Attempt;
}): React.JSX.Element | null {
  const { final } = props.attempt;
  if (!final) {
    return null;
  }
  const { trans, locale, timeZone } = props.model.classroom;
  const points = (value: number): string => formatPoints(value, locale);
  const titleOf = (id: string): string =>
    props.attempt.report?.tests.find(test => test.id === id)?.title ??
    props.attempt.tests.find(test => test.id === id)?.title ??
    id;
  const cells = Object.entries(final.cells).filter(
    ([, cell]) => cell.manual_score !== null || cell.extra_credit !== null || cell.comment !== null
  );
  return (
    <section className="sh-Final" aria-label={trans.__('Grade')} data-testid="final-grade">
      <h3>{trans.__('By your graders')}</h3>
      <p className="sh-Quiet">
        {final.penalty > 0 && `${trans.__('Late: −%1', points(final.penalty))} · `}
        {final.extra_credit > 0 &&
          `${trans.__('Extra credit: +%1', points(final.extra_credit))} · `}
        {trans.__('released')} <Moment at={final.released_at} locale={locale} timeZone={timeZone} />
        {final.needs_grading && ` · ${trans.__('an answer still waits to be graded')}`}
      </p>
      {cells.length > 0 && (
        <ul className="sh-Final-cells">
          {cells.map(([id, cell]) => (
            <li key={id} data-testid={`final-cell-${id}`}>
              <p className="sh-Final-head">
                <span>{titleOf(id)}</span>
                <span className="sh-TestRow-points">
                  {cell.manual_score !== null && points(cell.manual_score)}
                  {cell.extra_credit !== null &&
                    cell.extra_credit !== 0 &&
                    ` +${points(cell.extra_credit)}`}
                </span>
              </p>
              {cell.comment && <blockquote>{cell.comment}</blockquote>}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
