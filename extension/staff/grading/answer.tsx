import { useState } from 'react';

import type { Answer } from '../api/grading';

/**
 * What a learner wrote. Markdown is drawn: the service hands over HTML that can only format, without scripts, classes,
 * ids and addresses, and this page's policy runs no script of a document besides. Everything else is shown as it is.
 */
export function AnswerText(props: { answer: Answer | null }): React.JSX.Element {
  const { answer } = props;
  const [asWritten, setAsWritten] = useState(false);
  if (answer === null || answer.source.trim() === '') {
    return <p className="quiet">The answer is empty.</p>;
  }
  const html = answer.html ?? null;
  return (
    <>
      {answer.unchanged && (
        <p className="quiet small">The cell is as the learner found it: nothing was written.</p>
      )}
      {html !== null && !asWritten ? (
        <div
          className="answer drawn"
          role="region"
          tabIndex={0}
          aria-label="Answer"
          data-testid="answer"
          dir="auto"
          dangerouslySetInnerHTML={{ __html: html }}
        />
      ) : (
        <pre
          className={`answer ${answer.cell_type === 'markdown' ? 'prose' : ''}`}
          tabIndex={0}
          aria-label="Answer"
          data-testid="answer"
        >
          {answer.source}
        </pre>
      )}
      {html !== null && (
        <p className="small">
          <button
            type="button"
            className="button"
            aria-pressed={asWritten}
            onClick={() => setAsWritten(!asWritten)}
          >
            As written
          </button>
        </p>
      )}
    </>
  );
}
