import { useEffect, useState } from 'react';

import { Problem } from '../api/client';
import { claim, letGo } from '../api/grading';
import { InTurn } from './in_turn';

// Three of them fit into the time for which the service keeps a claim of which nothing is heard any more.
const RENEW_MS = 30_000;

// Whoever leaves an answer and comes right back must not have the new claim taken away by the end of the old one.
const ends = new InTurn();

/**
 * Claims an answer while it is on the screen, so that two people do not grade it at once; a reload claims it again.
 * Returns why it cannot be had, as when somebody else holds it.
 */
export function useClaim(attempt: string | null, test: string): Problem | null {
  const key = attempt === null ? null : `${attempt} ${test}`;
  const [refused, setRefused] = useState<{ key: string; problem: Problem } | null>(null);
  useEffect(() => {
    if (attempt === null || key === null) {
      return undefined;
    }
    let left = false;
    const isLeft = (): boolean => left;
    let held: string | null = null;
    const take = async (): Promise<void> => {
      try {
        await ends.wait(key);
        if (isLeft()) {
          return;
        }
        const taken = await claim(attempt, test);
        held = taken.id;
        if (isLeft()) {
          await ends.sent(key, letGo(taken.id));
        } else {
          setRefused(null);
        }
      } catch (error) {
        // Only another person's claim is in the way; a claim that was lost on the line is made by saving.
        if (error instanceof Problem && error.status === 409 && !isLeft()) {
          setRefused({ key, problem: error });
        }
      }
    };
    void take();
    const timer = window.setInterval(() => void take(), RENEW_MS);
    const release = (): void => {
      if (held !== null) {
        // When this fails the claim runs out by itself.
        ends.sent(key, letGo(held)).catch(() => undefined);
        held = null;
      }
    };
    // A page that the back button brings to life again holds nothing any more.
    const comeBack = (event: PageTransitionEvent): void => {
      if (event.persisted) {
        void take();
      }
    };
    window.addEventListener('pagehide', release);
    window.addEventListener('pageshow', comeBack);
    return () => {
      left = true;
      window.clearInterval(timer);
      window.removeEventListener('pagehide', release);
      window.removeEventListener('pageshow', comeBack);
      release();
    };
  }, [attempt, test, key]);
  return refused !== null && refused.key === key ? refused.problem : null;
}
