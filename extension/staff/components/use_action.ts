import { useState } from 'react';

import { problemOf, type Problem } from '../api/client';

export interface Action {
  isBusy: boolean;
  problem: Problem | null;
  /** Does it; the problem of the last try is forgotten first. Tells whether it worked. */
  run: (act: () => Promise<void>) => Promise<boolean>;
  clear: () => void;
}

/** Something that is sent to the service: one at a time, its problem kept for showing. */
export function useAction(): Action {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  return {
    isBusy,
    problem,
    clear: () => setProblem(null),
    run: async act => {
      setBusy(true);
      setProblem(null);
      try {
        await act();
        return true;
      } catch (error) {
        setProblem(problemOf(error));
        return false;
      } finally {
        setBusy(false);
      }
    }
  };
}
