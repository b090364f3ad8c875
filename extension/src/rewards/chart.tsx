import type { ActivityDay } from '../api/types';
import type { IClassroom } from '../classroom/tokens';

const WIDTH = 600;
const HEIGHT = 120;
const GAP = 3;

/** XP per day as bars; the table behind it is read out in its place. */
export function DailyBars(props: {
  days: ActivityDay[];
  classroom: IClassroom;
}): React.JSX.Element {
  const { days, classroom } = props;
  const { trans, locale } = classroom;
  const most = Math.max(1, ...days.map(day => day.xp));
  const step = WIDTH / Math.max(1, days.length);
  // The dates are the learner's own days, not moments: they must not shift with a zone.
  const format = new Intl.DateTimeFormat(locale, {
    day: 'numeric',
    month: 'short',
    timeZone: 'UTC'
  });
  const name = (day: ActivityDay): string => format.format(new Date(`${day.date}T00:00:00Z`));
  const total = days.reduce((sum, day) => sum + day.xp, 0);
  const first = days[0];
  const last = days[days.length - 1];
  return (
    <figure className="sh-Bars">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={trans.__('%1 XP in the last %2 days', total, days.length)}
        preserveAspectRatio="none"
      >
        {days.map((day, index) => {
          const height = day.xp > 0 ? Math.max(3, (day.xp / most) * (HEIGHT - 4)) : 2;
          return (
            <rect
              key={day.date}
              className={day.xp > 0 ? 'sh-Bars-bar' : 'sh-Bars-empty'}
              x={index * step + GAP / 2}
              y={HEIGHT - height}
              width={step - GAP}
              height={height}
              rx={1.5}
            >
              <title>{trans.__('%1: %2 XP', name(day), day.xp)}</title>
            </rect>
          );
        })}
      </svg>
      {first && last && (
        <figcaption>
          <span>{name(first)}</span>
          <span>{trans.__('most in a day: %1 XP', Math.max(...days.map(day => day.xp)))}</span>
          <span>{name(last)}</span>
        </figcaption>
      )}
    </figure>
  );
}
