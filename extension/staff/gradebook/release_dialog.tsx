import { useState } from 'react';

import { releaseGrades, takeGradesBack, type GradebookAssignment } from '../api/grading';
import { Dialog } from '../components/dialog';
import { countText } from '../components/figures';
import { Failure } from '../components/notices';
import { useAction } from '../components/use_action';

interface Props {
  course: string;
  assignment: GradebookAssignment;
  done: (words: string) => void;
  close: () => void;
}

/** Asks before learners are told of their grades. */
export function ReleaseDialog(props: Props): React.JSX.Element {
  const { course, assignment } = props;
  const [feedback, setFeedback] = useState(true);
  const action = useAction();
  const release = (): Promise<boolean> =>
    action.run(async () => {
      const released = await releaseGrades(course, assignment.lesson, feedback);
      props.done(
        `Grades of ${assignment.title} are released; ${countText(released.notified, 'learner is', 'learners are')} told in JupyterLab.`
      );
    });
  return (
    <Dialog
      title={`Release the grades of ${assignment.title}?`}
      close={props.close}
      testId="release-dialog"
    >
      <p>
        Learners see manual scores, comments, extra credit and penalties at once, and are told so in
        JupyterLab. You can take the grades back; a message that was read stays read.
      </p>
      <label className="check">
        <input
          type="checkbox"
          checked={feedback}
          onChange={event => setFeedback(event.target.checked)}
        />
        <span>Release feedback too</span>
      </label>
      {action.problem && <Failure problem={action.problem} retry={() => void release()} />}
      <p className="actions">
        <button
          type="button"
          className="button primary"
          disabled={action.isBusy}
          data-testid="release-confirm"
          onClick={() => void release()}
        >
          Release
        </button>
        <button type="button" className="button" disabled={action.isBusy} onClick={props.close}>
          Cancel
        </button>
      </p>
    </Dialog>
  );
}

/** Asks before grades that learners have seen are hidden again. */
export function TakeBackDialog(props: Props): React.JSX.Element {
  const { course, assignment } = props;
  const action = useAction();
  const takeBack = (): Promise<boolean> =>
    action.run(async () => {
      await takeGradesBack(course, assignment.lesson);
      props.done(`Grades of ${assignment.title} are taken back.`);
    });
  return (
    <Dialog
      title={`Take the grades of ${assignment.title} back?`}
      close={props.close}
      testId="take-back-dialog"
    >
      <p>
        Learners no longer see manual scores and comments; what the tests gave them stays. Nothing
        that you graded is lost.
      </p>
      {action.problem && <Failure problem={action.problem} retry={() => void takeBack()} />}
      <p className="actions">
        <button
          type="button"
          className="button primary"
          disabled={action.isBusy}
          data-testid="take-back-confirm"
          onClick={() => void takeBack()}
        >
          Take back
        </button>
        <button type="button" className="button" disabled={action.isBusy} onClick={props.close}>
          Cancel
        </button>
      </p>
    </Dialog>
  );
}
