// How moments are told to a learner: relative in the text, exact on hover, in the learner's own zone.

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['week', 7 * 86_400],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60]
];

/** "in 3 days", "5 minutes ago", "now": the distance from `now` to `moment` in the locale's words. */
export function relativeTime(moment: Date, now: Date, locale: string): string {
  const seconds = (moment.getTime() - now.getTime()) / 1000;
  const format = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) {
      return format.format(Math.trunc(seconds / length), unit);
    }
  }
  return format.format(0, 'second');
}

/** The exact moment with its zone, for titles and screen readers. */
export function exactTime(moment: Date, locale: string, timeZone: string): string {
  return new Intl.DateTimeFormat(locale, {
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    timeZone,
    timeZoneName: 'short'
  }).format(moment);
}

export type Urgency = 'past' | 'soon' | 'later';

/** How pressing a due date is: past it, within its last 24 hours, or later. */
export function urgency(due: Date, now: Date): Urgency {
  const left = due.getTime() - now.getTime();
  if (left <= 0) {
    return 'past';
  }
  return left <= 86_400_000 ? 'soon' : 'later';
}

/** The browser's zone; UTC where a browser hides it. */
export function browserTimeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
}

/** A locale that Intl accepts, from Lab's `de_DE` spelling; the browser's own when there is none. */
export function usableLocale(languageCode: string): string {
  const candidate = languageCode.replace('_', '-');
  try {
    return Intl.getCanonicalLocales(candidate)[0] ?? 'en';
  } catch {
    return 'en';
  }
}
