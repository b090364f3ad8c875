// Numbers, moments and shares as people write them, in the page's language and the person's time zone.

import { createContext, useContext } from 'react';

import { browserTimeZone, exactTime } from '../../src/classroom/times';
import { Moment as SharedMoment } from '../../src/components/moment';

const language = document.documentElement.lang || 'en';

/** The browser's own flavour of the page's language, so that words and numbers never mix two languages. */
export const locale = navigator.languages.find(name => name.startsWith(language)) ?? language;

export const TimeZone = createContext<string>(browserTimeZone());

const points = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });
const percents = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 0 });
const seconds = new Intl.NumberFormat(locale, {
  style: 'unit',
  unit: 'second',
  unitDisplay: 'narrow',
  maximumSignificantDigits: 3
});
const minutes = new Intl.NumberFormat(locale, {
  style: 'unit',
  unit: 'minute',
  unitDisplay: 'narrow',
  maximumFractionDigits: 0
});
const milliseconds = new Intl.NumberFormat(locale, {
  style: 'unit',
  unit: 'millisecond',
  unitDisplay: 'narrow',
  maximumFractionDigits: 0
});

export const numberText = (value: number): string => points.format(value);

/** 87.5 becomes "88%"; a share that is not known becomes a dash. */
export const percentText = (value: number | null): string =>
  value === null ? '–' : percents.format(value / 100);

/** "840ms", "12.3s", "15m". */
export function durationText(ms: number): string {
  if (ms < 1000) {
    return milliseconds.format(ms);
  }
  return ms < 120_000 ? seconds.format(ms / 1000) : minutes.format(ms / 60_000);
}

/** "one attempt", "3 attempts". */
export const countText = (count: number, one: string, many: string): string =>
  count === 1 ? `1 ${one}` : `${numberText(count)} ${many}`;

/** A moment as its date and time, for what is agreed and not for what has happened. */
export function ExactMoment(props: { at: string }): React.JSX.Element {
  const timeZone = useContext(TimeZone);
  return <time dateTime={props.at}>{exactTime(new Date(props.at), locale, timeZone)}</time>;
}

/** A moment told from now, the exact time on hover. */
export function Moment(props: { at: string; className?: string }): React.JSX.Element {
  return <SharedMoment {...props} locale={locale} timeZone={useContext(TimeZone)} />;
}
