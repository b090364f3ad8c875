import { useRef, useState } from 'react';

import { problemOf, type Problem } from '../api/client';
import { useAnnounce } from '../components/announcer';
import { useKeys } from '../components/keys';
import { Failure } from '../components/notices';

import { takeBack, type Saved } from './use_grade';

/** Says what was saved last and takes it back on request, by button or Z. */
export function UndoBar(props: {
  saved: Saved;
  /** Whose answer it was, as far as the grader may know. */
  whose: string;
  undone: (saved: Saved) => void;
}): React.JSX.Element {
  const { saved, whose } = props;
  // As it is when the answer is there: the page may have loaded other things since the key was pressed.
  const undone = useRef(props.undone);
  undone.current = props.undone;
  const announce = useAnnounce();
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const undo = async (): Promise<void> => {
    if (isBusy) {
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      await takeBack(saved);
      announce('Undone.');
      undone.current(saved);
    } catch (error) {
      setProblem(problemOf(error));
      setBusy(false);
    }
  };
  useKeys({ z: () => void undo() });
  return (
    <>
      {problem && <Failure problem={problem} retry={() => void undo()} />}
      <p className="saved small" data-testid="grade-saved">
        <span>
          Saved: {whose}, {saved.title}.
        </span>
        <button
          type="button"
          className="button small"
          disabled={isBusy}
          title="Undo the last save (Z)"
          data-testid="grade-undo"
          onClick={() => void undo()}
        >
          Undo
        </button>
      </p>
    </>
  );
}
