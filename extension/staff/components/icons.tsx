// Small drawings beside words; never alone, so they are hidden from screen readers.

export type Shape =
  | 'check'
  | 'cross'
  | 'partial'
  | 'ring'
  | 'dot'
  | 'clock'
  | 'person'
  | 'warning'
  | 'stop'
  | 'flag'
  | 'star'
  | 'chevron'
  | 'info'
  | 'pencil'
  | 'calendar'
  | 'more'
  | 'lock';

const SHAPES: Record<Shape, React.JSX.Element> = {
  check: (
    <>
      <circle cx="8" cy="8" r="7" fill="currentColor" />
      <path d="m4.8 8.2 2.2 2.2 4.3-4.6" className="cut" />
    </>
  ),
  cross: (
    <>
      <circle cx="8" cy="8" r="7" fill="currentColor" />
      <path d="m5.4 5.4 5.2 5.2m0-5.2-5.2 5.2" className="cut" />
    </>
  ),
  partial: (
    <>
      <circle cx="8" cy="8" r="6.25" className="line" />
      <path d="M8 1.75a6.25 6.25 0 0 1 0 12.5Z" fill="currentColor" />
    </>
  ),
  ring: <circle cx="8" cy="8" r="6.25" className="line" />,
  dot: (
    <>
      <circle cx="8" cy="8" r="6.25" className="line" />
      <circle cx="8" cy="8" r="3" fill="currentColor" />
    </>
  ),
  clock: (
    <>
      <circle cx="8" cy="8" r="6.25" className="line" />
      <path d="M8 4.4V8l2.4 1.6" className="line" />
    </>
  ),
  person: (
    <>
      <circle cx="8" cy="5" r="2.8" fill="currentColor" />
      <path d="M2.8 14c.4-3 2.5-4.6 5.2-4.6s4.8 1.6 5.2 4.6Z" fill="currentColor" />
    </>
  ),
  warning: (
    <>
      <path d="M8 1.6 15 14H1Z" fill="currentColor" strokeLinejoin="round" />
      <path d="M8 6v4m0 1.9v.1" className="cut" />
    </>
  ),
  stop: (
    <>
      <circle cx="8" cy="8" r="6.25" className="line" />
      <path d="M4.6 8h6.8" className="line" />
    </>
  ),
  flag: <path d="M3.2 14.5v-13h1.5v.8h8.5l-2 3.1 2 3.1H4.700v6Z" fill="currentColor" />,
  star: (
    <path
      d="m8 1.500 2 4.100 4.500.700-3.300 3.100.8 4.500L8 11.800l-4 2.100.8-4.500L1.500 6.300 6 5.600Z"
      fill="currentColor"
    />
  ),
  chevron: <path d="m5.800 3.500 4.400 4.500-4.400 4.500" className="line" />,
  info: (
    <>
      <circle cx="8" cy="8" r="6.25" className="line" />
      <path d="M8 7.300v3.700m0-6.100v.1" className="line" />
    </>
  ),
  pencil: (
    <path
      d="m2.6 13.4.7-3.2 7.300-7.300 2.500 2.500-7.300 7.300Zm6.900-9.400 2.500 2.500"
      className="line"
    />
  ),
  calendar: (
    <>
      <rect x="2" y="3.300" width="12" height="10.700" rx="1.500" className="line" />
      <path d="M2 6.500h12M5.300 1.700v3m5.400-3v3" className="line" />
    </>
  ),
  more: (
    <>
      <circle cx="3" cy="8" r="1.500" fill="currentColor" />
      <circle cx="8" cy="8" r="1.500" fill="currentColor" />
      <circle cx="13" cy="8" r="1.500" fill="currentColor" />
    </>
  ),
  lock: (
    <>
      <rect x="3" y="7" width="10" height="7" rx="1.500" fill="currentColor" />
      <path d="M5.200 7V5a2.800 2.800 0 0 1 5.600 0v2" className="line" />
    </>
  )
};

export function Icon(props: { shape: Shape; className?: string }): React.JSX.Element {
  return (
    <svg
      className={`icon ${props.className ?? ''}`}
      width="16"
      height="16"
      viewBox="0 0 16 16"
      aria-hidden="true"
    >
      {SHAPES[props.shape]}
    </svg>
  );
}
