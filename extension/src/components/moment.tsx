import { useEffect, useState } from 'react';

import { exactTime, relativeTime } from '../classroom/times';

/** The current time, renewed each minute. */
export function useNow(): Date {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(new Date()), 60_000);
    return () => window.clearInterval(timer);
  }, []);
  return now;
}

/** A moment told from now, with the exact time on hover. */
export function Moment(props: {
  at: string;
  locale: string;
  timeZone: string;
  className?: string;
  prefix?: string;
}): React.JSX.Element {
  const now = useNow();
  const moment = new Date(props.at);
  return (
    <time
      className={props.className}
      dateTime={props.at}
      title={exactTime(moment, props.locale, props.timeZone)}
    >
      {props.prefix ?? ''}
      {relativeTime(moment, now, props.locale)}
    </time>
  );
}
