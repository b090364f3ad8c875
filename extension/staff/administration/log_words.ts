// Days and programs of the audit log: pure functions.

/** How far a zone's clocks are ahead of UTC at a moment, in milliseconds. */
function offsetAt(moment: number, timeZone: string): number {
  const parts = Object.fromEntries(
    new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric'
    })
      .formatToParts(moment)
      .map(part => [part.type, Number(part.value)])
  );
  const local = Date.UTC(
    parts.year ?? 0,
    (parts.month ?? 1) - 1,
    parts.day,
    parts.hour,
    parts.minute,
    parts.second
  );
  return local - Math.floor(moment / 1000) * 1000;
}

function midnight(year: number, month: number, day: number, timeZone: string): string {
  const asUtc = Date.UTC(year, month - 1, day);
  // Twice, since the offset may be another one at the moment that the first try finds.
  const near = asUtc - offsetAt(asUtc, timeZone);
  return new Date(asUtc - offsetAt(near, timeZone)).toISOString();
}

const partsOf = (day: string): [number, number, number] => {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
  return [year, month, date];
};

/** The moment at which a day such as `2026-11-21` begins in a zone. */
export function dayBegins(day: string, timeZone: string): string {
  return midnight(...partsOf(day), timeZone);
}

/** The moment at which it is over. */
export function dayEnds(day: string, timeZone: string): string {
  const [year, month, date] = partsOf(day);
  return midnight(year, month, date + 1, timeZone);
}

const BROWSERS: [pattern: RegExp, name: string][] = [
  [/\bEdg\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bFirefox\//, 'Firefox'],
  [/\b(?:Headless)?Chrome\//, 'Chrome'],
  [/\bVersion\/[\d.]+.*Safari\//, 'Safari']
];
const SYSTEMS: [pattern: RegExp, name: string][] = [
  [/Windows/, 'Windows'],
  [/iPhone|iPad/, 'iOS'],
  [/Android/, 'Android'],
  [/Mac OS X|Macintosh/, 'macOS'],
  [/CrOS/, 'ChromeOS'],
  [/Linux|X11/, 'Linux']
];

/** What a program says of itself, shortened to what people call it: "Firefox on Linux". */
export function agentWords(agent: string | null): string {
  if (agent === null) {
    return '';
  }
  const find = (known: [RegExp, string][]): string | undefined =>
    known.find(([pattern]) => pattern.test(agent))?.[1];
  const browser = find(BROWSERS);
  if (browser === undefined) {
    return agent.length > 40 ? `${agent.slice(0, 39)}…` : agent;
  }
  const system = find(SYSTEMS);
  return system === undefined ? browser : `${browser} on ${system}`;
}
