import { useId, useState, type KeyboardEvent } from 'react';

import { notebookAddress } from '../api/staff';
import { Skeleton } from '../components/notices';

/**
 * The executed notebook, made of whatever a learner's code put out. The frame is sandboxed with no permission
 * at all: no scripts, no forms, no origin of its own; the document's policy says the same once more.
 */
export function NotebookFrame(props: {
  attempt: string;
  notebooks: string[];
}): React.JSX.Element | null {
  const { attempt, notebooks } = props;
  const [chosen, setChosen] = useState('');
  const [loaded, setLoaded] = useState('');
  const panel = useId();
  const shown = notebooks.includes(chosen) ? chosen : notebooks[0];
  if (shown === undefined) {
    return null;
  }
  const address = notebookAddress(attempt, shown);
  const turn = (event: KeyboardEvent<HTMLDivElement>): void => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by === undefined) {
      return;
    }
    event.preventDefault();
    const at = (notebooks.indexOf(shown) + by + notebooks.length) % notebooks.length;
    setChosen(notebooks[at] ?? shown);
    event.currentTarget.querySelectorAll<HTMLElement>('[role=tab]')[at]?.focus();
  };
  return (
    <section className="notebook" aria-labelledby={`${panel}-title`}>
      <div className="section-head">
        <h2 id={`${panel}-title`}>Executed notebook</h2>
        {notebooks.length > 1 ? (
          <div role="tablist" aria-label="Notebooks" className="tablist" onKeyDown={turn}>
            {notebooks.map(name => (
              <button
                key={name}
                type="button"
                role="tab"
                id={`${panel}-${name}`}
                aria-selected={name === shown}
                aria-controls={panel}
                tabIndex={name === shown ? 0 : -1}
                onClick={() => setChosen(name)}
              >
                {name}
              </button>
            ))}
          </div>
        ) : (
          <span className="quiet small">{shown}.ipynb</span>
        )}
      </div>
      <div
        id={panel}
        className="notebook-place"
        role={notebooks.length > 1 ? 'tabpanel' : undefined}
        aria-labelledby={notebooks.length > 1 ? `${panel}-${shown}` : undefined}
      >
        {loaded !== address && <Skeleton rows={8} />}
        <iframe
          // A new frame for each document, so that the back button leads to pages and not through frames.
          key={address}
          sandbox=""
          referrerPolicy="no-referrer"
          src={address}
          onLoad={() => setLoaded(address)}
          title={`Executed notebook ${shown}`}
          data-testid="notebook-frame"
        />
      </div>
    </section>
  );
}
