import { useEffect, useRef, useState } from 'react';

import { problemOf, type Problem } from '../api/client';
import { grade, type Gradable } from '../api/grading';

import {
  draftOf,
  draftProblem,
  givenOf,
  isSameDraft,
  rebased,
  shownOf,
  type Draft,
  type Edits
} from './draft';

const keyOf = (attempt: string, test: string): string => `studyhall grade ${attempt} ${test}`;

export function kept(attempt: string, test: string): Draft | null {
  try {
    return JSON.parse(
      window.sessionStorage.getItem(keyOf(attempt, test)) ?? 'null'
    ) as Draft | null;
  } catch {
    // A browser may forbid storage; then a draft lives as long as its page.
    return null;
  }
}

function keep(attempt: string, test: string, draft: Draft | null): void {
  try {
    if (draft === null) {
      window.sessionStorage.removeItem(keyOf(attempt, test));
    } else {
      window.sessionStorage.setItem(keyOf(attempt, test), JSON.stringify(draft));
    }
  } catch {
    // As above.
  }
}

/** Something that was saved, so that it can be taken back. */
export interface Saved {
  attempt: string;
  title: string;
  test: string;
  version: number;
  before: Draft;
}

/** How saving went: all of it, or something is wrong with what was typed, or the service did not take it. */
export interface Outcome {
  /** What was saved on the way, if anything was. */
  saved: Saved | null;
  end: 'done' | 'wrong' | 'failed';
}

export interface Grade {
  draft: Draft;
  /** What is saved, as far as this page knows. */
  saved: Draft;
  change: (part: Partial<Draft>) => void;
  isChanged: boolean;
  isBusy: boolean;
  /** What is wrong with what was typed. */
  wrong: string | null;
  problem: Problem | null;
  /** Somebody else saved this cell after the draft was begun. */
  isOvertaken: boolean;
  takeTheirs: () => void;
  keepMine: () => void;
  /** Saves until nothing is left to save; null while that is under way already. */
  save: () => Promise<Outcome | null>;
}

/**
 * The draft of one cell's grade, kept over reloads of the page until it is saved. What is typed while a save is under
 * way stays in the draft and is saved right after it. `refresh` loads the cell again, as after somebody else has
 * changed it.
 */
export function useGrade(attempt: string, cell: Gradable, refresh: () => void): Grade {
  const [confirmed, setConfirmed] = useState<Gradable | null>(null);
  // The page may still show the cell as it was before the save.
  const known = confirmed !== null && confirmed.version > cell.version ? confirmed : cell;
  const saved = draftOf(known);
  const [edits, setEdits] = useState<Edits | null>(() => {
    const draft = kept(attempt, cell.test_id);
    return draft && { draft, base: null };
  });
  const [isBusy, setBusy] = useState(false);
  const [wrong, setWrong] = useState<string | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const shown = shownOf(edits, saved);
  const isChanged = !isSameDraft(shown.draft, saved);
  // While a save is under way the page may learn of its result before the save itself does.
  const isOvertaken = isChanged && !isBusy && shown.draft.version !== known.version;
  const latest = useRef(shown);
  latest.current = shown;
  const isSaving = useRef(false);
  useEffect(() => {
    keep(attempt, cell.test_id, isChanged ? latest.current.draft : null);
  }, [attempt, cell.test_id, isChanged, edits]);
  const put = (next: Edits | null): void => {
    latest.current = next ?? latest.current;
    setEdits(next);
  };

  const saveAll = async (): Promise<Outcome> => {
    const before = saved;
    let done: Saved | null = null;
    for (;;) {
      const given = latest.current.draft;
      const objection = draftProblem(given, cell.max_points);
      setWrong(objection);
      if (objection !== null) {
        return { saved: done, end: 'wrong' };
      }
      try {
        const { cell: after } = await grade(attempt, cell.test_id, givenOf(given));
        const left = rebased(latest.current.draft, draftOf(after));
        const isLeft = !isSameDraft(left.draft, given);
        // Here as well as on the page, which may show another answer by now.
        keep(attempt, cell.test_id, isLeft ? left.draft : null);
        setConfirmed(after);
        put(left);
        done = {
          attempt,
          title: cell.title,
          test: cell.test_id,
          version: after.version,
          before
        };
        if (!isLeft) {
          return { saved: done, end: 'done' };
        }
      } catch (error) {
        const found = problemOf(error);
        setProblem(found);
        if (found.status === 409) {
          refresh();
        }
        return { saved: done, end: 'failed' };
      }
    }
  };
  return {
    draft: shown.draft,
    saved,
    isChanged,
    isBusy,
    wrong,
    problem,
    isOvertaken,
    change: part => {
      setWrong(null);
      const { draft, base } = latest.current;
      put({ draft: { ...draft, ...part }, base });
    },
    takeTheirs: () => {
      put(null);
      setProblem(null);
    },
    keepMine: () => {
      put(rebased(latest.current.draft, saved));
      setProblem(null);
    },
    save: async () => {
      if (isSaving.current) {
        return null;
      }
      isSaving.current = true;
      setBusy(true);
      setProblem(null);
      try {
        return await saveAll();
      } finally {
        isSaving.current = false;
        setBusy(false);
      }
    }
  };
}

/** Gives a cell the grade that it had before it was saved. */
export async function takeBack(saved: Saved): Promise<void> {
  await grade(saved.attempt, saved.test, {
    ...givenOf(saved.before),
    expected_version: saved.version
  });
}
