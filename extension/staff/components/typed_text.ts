import { useLayoutEffect, useRef, useState, type RefObject } from 'react';

const WRITTEN = 'textarea, input:not([type=checkbox], [type=radio], [type=search])';

type Field = HTMLInputElement | HTMLTextAreaElement;

/**
 * Look after what is typed in a part of the page: has anything been, that would be lost if the part went away now?
 * A field that shows again what it showed at first holds nothing that could be lost, nor does one whose text has been
 * saved: `settled` is another value then than before.
 */
export function useTypedText(
  part: RefObject<HTMLElement | null>,
  settled: unknown
): {
  isThere: () => boolean;
  isAsked: boolean;
  ask: () => void;
} {
  const first = useRef(new Map<Field, string>());
  const [isAsked, setAsked] = useState(false);
  useLayoutEffect(() => {
    const shown = part.current;
    const remember = (event: FocusEvent): void => {
      const field = event.target as Field;
      if (field.matches(WRITTEN) && !first.current.has(field)) {
        first.current.set(field, field.value);
      }
    };
    const forget = (): void => setAsked(false);
    shown?.addEventListener('focusin', remember);
    shown?.addEventListener('input', forget);
    return () => {
      shown?.removeEventListener('focusin', remember);
      shown?.removeEventListener('input', forget);
    };
  }, [part]);
  useLayoutEffect(() => {
    for (const field of first.current.keys()) {
      first.current.set(field, field.value);
    }
    setAsked(false);
  }, [settled]);
  const isThere = (): boolean =>
    [...first.current].some(([field, value]) => field.isConnected && field.value !== value);
  return { isThere, isAsked, ask: () => setAsked(true) };
}
