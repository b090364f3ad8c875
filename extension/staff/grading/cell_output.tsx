import { useState } from 'react';

import { outputAddress } from '../api/staff';
import { Skeleton } from '../components/notices';

/** Whether the grader has folded the outputs away: it stays so from one answer to the next. */
let isFolded = false;

/** What an answer in code put out when it was run, such as a plot; framed as a whole executed notebook is. */
export function CellOutput(props: {
  attempt: string;
  notebook: string;
  cell: string;
}): React.JSX.Element {
  const [isOpen, setIsOpen] = useState(!isFolded);
  const [loaded, setLoaded] = useState('');
  const address = outputAddress(props.attempt, props.notebook, props.cell);
  return (
    <details
      className="cell-output"
      open={isOpen}
      onToggle={event => {
        isFolded = !event.currentTarget.open;
        setIsOpen(event.currentTarget.open);
      }}
    >
      <summary>What the cell put out</summary>
      {isOpen && (
        <div className="notebook-place">
          {loaded !== address && <Skeleton rows={4} />}
          <iframe
            key={address}
            sandbox=""
            referrerPolicy="no-referrer"
            src={address}
            onLoad={() => setLoaded(address)}
            title="What the cell put out"
            data-testid="cell-output"
          />
        </div>
      )}
    </details>
  );
}
