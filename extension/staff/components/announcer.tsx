// Changes that are seen are also said: one polite live region for the whole page.

import { createContext, useCallback, useContext, useState, type ReactNode } from 'react';

const Say = createContext<(words: string) => void>(() => undefined);

/** Returns the function that has a screen reader say something. */
export function useAnnounce(): (words: string) => void {
  return useContext(Say);
}

export function Announcer(props: { children: ReactNode }): React.JSX.Element {
  const [said, setSaid] = useState({ words: '', turn: 0 });
  const say = useCallback((words: string) => {
    setSaid(last => ({ words, turn: last.turn + 1 }));
  }, []);
  return (
    <Say.Provider value={say}>
      {props.children}
      <div className="unseen" role="status" aria-live="polite" data-testid="announcer">
        {/* A new element each time: the same words twice are said twice. */}
        <span key={said.turn}>{said.words}</span>
      </div>
    </Say.Provider>
  );
}
