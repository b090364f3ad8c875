// What a page shows of the service: loading, there, or failed, with what was seen last kept at hand.

import { useCallback, useEffect, useRef, useState } from 'react';

import { Problem } from './client';

const KEPT = 60;
const seen = new Map<string, unknown>();

function keep(key: string, data: unknown): void {
  seen.delete(key);
  seen.set(key, data);
  const [oldest] = seen.keys();
  if (seen.size > KEPT && oldest !== undefined) {
    seen.delete(oldest);
  }
}

export interface Remote<Data> {
  /** Null until it has been loaded once; the last known state while it is loaded again. */
  data: Data | null;
  /** Why the last attempt to load did not work. */
  problem: Problem | null;
  reload: () => void;
}

interface Result<Data> {
  key: string;
  data: Data | null;
  problem: Problem | null;
}

/**
 * Loads data under a key and again whenever the key changes; no key means that there is nothing to load.
 * `everyMs` loads it again and again while the page is visible, for what changes by itself; a service that takes longer
 * than that is not asked again before it has answered.
 */
export function useRemote<Data>(
  key: string | null,
  load: (signal: AbortSignal) => Promise<Data>,
  everyMs: (data: Data | null) => number | null = () => null
): Remote<Data> {
  const [result, setResult] = useState<Result<Data> | null>(null);
  const [round, setRound] = useState(0);
  const loader = useRef(load);
  loader.current = load;
  const isAsking = useRef(false);

  useEffect(() => {
    if (key === null) {
      return undefined;
    }
    const controller = new AbortController();
    isAsking.current = true;
    loader.current(controller.signal).then(
      data => {
        if (!controller.signal.aborted) {
          isAsking.current = false;
          keep(key, data);
          setResult({ key, data, problem: null });
        }
      },
      (error: unknown) => {
        if (!controller.signal.aborted) {
          isAsking.current = false;
          const problem =
            error instanceof Problem
              ? error
              : new Problem('Something went wrong on this page. Reload it.', 'page', 0);
          setResult({ key, data: (seen.get(key) as Data | undefined) ?? null, problem });
        }
      }
    );
    return () => {
      isAsking.current = false;
      controller.abort();
    };
  }, [key, round]);

  const reload = useCallback(() => setRound(value => value + 1), []);
  const current =
    result !== null && result.key === key
      ? result
      : {
          data: key === null ? null : ((seen.get(key) as Data | undefined) ?? null),
          problem: null
        };

  const pause = everyMs(current.data);
  useEffect(() => {
    if (pause === null || key === null) {
      return undefined;
    }
    const timer = window.setInterval(() => {
      // Asked again before it has answered, a slow service would never be heard: each question takes back the last.
      if (!document.hidden && !isAsking.current) {
        reload();
      }
    }, pause);
    return () => window.clearInterval(timer);
  }, [pause, key, reload]);

  const isSignedOut = current.problem?.isSignedOut ?? false;
  useEffect(() => {
    if (!isSignedOut) {
      return undefined;
    }
    // Back from the tab in which somebody has signed in again.
    window.addEventListener('focus', reload);
    return () => window.removeEventListener('focus', reload);
  }, [isSignedOut, reload]);

  return {
    data: current.data,
    problem: current.problem,
    reload
  };
}

/** What was there before takes the place of what is on its way, as long as both belong to the same thing. */
export function useLast<Data>(data: Data | null, belongsTo: string): Data | null {
  const last = useRef<{ belongsTo: string; data: Data } | null>(null);
  useEffect(() => {
    if (data !== null) {
      last.current = { belongsTo, data };
    }
  }, [data, belongsTo]);
  return data ?? (last.current?.belongsTo === belongsTo ? last.current.data : null);
}
