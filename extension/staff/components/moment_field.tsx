import { useId, type Ref } from 'react';

import { browserTimeZone } from '../../src/classroom/times';

const two = (value: number): string => String(value).padStart(2, '0');

/** A moment as the browser's field for one takes it, in the browser's own zone. */
export function fieldText(moment: string | null): string {
  if (moment === null) {
    return '';
  }
  const at = new Date(moment);
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** What such a field holds as a moment for the service; null when it is empty. */
export function fieldMoment(text: string): string | null {
  return text === '' ? null : new Date(text).toISOString();
}

/** A date with a time of day, in the browser's own zone and saying so. */
export function MomentField(props: {
  label: string;
  value: string;
  change: (value: string) => void;
  required?: boolean;
  about?: string;
  testId?: string;
  field?: Ref<HTMLInputElement>;
  /** Id of what says that it is wrong. */
  wrong?: string | undefined;
}): React.JSX.Element {
  const about = useId();
  return (
    <label className="field">
      <span>{props.label}</span>
      <input
        ref={props.field}
        type="datetime-local"
        value={props.value}
        required={props.required}
        aria-invalid={props.wrong !== undefined}
        aria-describedby={props.wrong === undefined ? about : `${about} ${props.wrong}`}
        data-testid={props.testId}
        onChange={event => props.change(event.target.value)}
      />
      <span className="quiet small" id={about}>
        {props.about ? `${props.about} ` : ''}Time zone: {browserTimeZone()}
      </span>
    </label>
  );
}
