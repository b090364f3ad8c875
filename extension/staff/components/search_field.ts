import { useEffect, useRef, useState, type ChangeEvent } from 'react';

const TYPING_MS = 250;

/**
 * A field whose text becomes part of the address once somebody stops typing. The back button and links change the
 * address, and the field follows; what was typed here does not jump back.
 */
export function useSearchField(
  current: string,
  change: (wanted: string) => void
): { value: string; onChange: (event: ChangeEvent<HTMLInputElement>) => void } {
  const [typed, setTyped] = useState(current);
  const sent = useRef(current);
  const latest = useRef(change);
  latest.current = change;
  useEffect(() => {
    if (current !== sent.current) {
      sent.current = current;
      setTyped(current);
    }
  }, [current]);
  useEffect(() => {
    const wanted = typed.trim();
    if (wanted === sent.current) {
      return undefined;
    }
    const timer = window.setTimeout(() => {
      sent.current = wanted;
      latest.current(wanted);
    }, TYPING_MS);
    return () => window.clearTimeout(timer);
  }, [typed]);
  return { value: typed, onChange: event => setTyped(event.target.value) };
}
