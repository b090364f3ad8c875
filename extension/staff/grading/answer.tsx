import type { Answer } from '../api/grading';

/** What a learner wrote, as it is: source, never rendered, since it may hold anything. */
export function AnswerText(props: { answer: Answer | null }): React.JSX.Element {
  const { answer } = props;
  if (answer === null || answer.source.trim() === '') {
    return <p className="quiet">The answer is empty.</p>;
  }
  return (
    <>
      {answer.unchanged && (
        <p className="quiet small">The cell is as the learner found it: nothing was written.</p>
      )}
      <pre
        className={`answer ${answer.cell_type === 'markdown' ? 'prose' : ''}`}
        tabIndex={0}
        aria-label="Answer"
        data-testid="answer"
      >
        {answer.source}
      </pre>
    </>
  );
}
