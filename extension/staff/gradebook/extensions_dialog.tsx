import { useContext, useId, useRef, useState } from 'react';

import {
  grantExtension,
  readExtensions,
  readGradebook,
  withdrawExtension,
  type Extension,
  type GradebookAssignment
} from '../api/grading';
import { useRemote } from '../api/remote';
import { exactTime } from '../../src/classroom/times';
import { useAnnounce } from '../components/announcer';
import { Dialog } from '../components/dialog';
import { ExactMoment, locale, TimeZone } from '../components/figures';
import { fieldMoment, fieldText, MomentField } from '../components/moment_field';
import { Failure, Loaded } from '../components/notices';
import { useSearchField } from '../components/search_field';
import { useAction } from '../components/use_action';

import { everybodysEnd, extensionProblem } from './extending';

interface Props {
  course: string;
  assignment: GradebookAssignment;
  /** Something was given or taken away. */
  changed: () => void;
  close: () => void;
}

function Given(props: {
  extension: Extension;
  /** Until when everybody has time. */
  end: string | null;
  edit: () => void;
  withdraw: () => void;
  isBusy: boolean;
}): React.JSX.Element {
  const { extension } = props;
  const name = extension.learner.display_name;
  return (
    <li data-testid={`extension-${extension.learner.username}`}>
      <span>
        {name}: until <ExactMoment at={extension.due_at} />
        <span className="quiet small">
          {extension.reason !== '' && ` “${extension.reason}”`}, given by {extension.granted_by}
          {props.end !== null &&
            new Date(extension.due_at) < new Date(props.end) &&
            '; everybody has longer than that now'}
        </span>
      </span>
      <span className="actions">
        <button
          type="button"
          className="button small"
          onClick={props.edit}
          aria-label={`Change the extension of ${name}`}
        >
          Change
        </button>
        <button
          type="button"
          className="button small"
          disabled={props.isBusy}
          onClick={props.withdraw}
          aria-label={`Take back the extension of ${name}`}
        >
          Take back
        </button>
      </span>
    </li>
  );
}

/** Stands in for the form where there is nothing to have more of. */
function NothingDue(props: { title: string; close: () => void }): React.JSX.Element {
  return (
    <>
      <p data-testid="extension-nothing-due">
        {props.title} has no due date, so nobody is late and there is nothing to extend. Give it one
        first, under “Due date and late policy” in the same menu.
      </p>
      <p className="actions">
        <button type="button" className="button" onClick={props.close}>
          Close
        </button>
      </p>
    </>
  );
}

/** More time for single learners: those who have it, and a form for one more. */
export function ExtensionsDialog(props: Props): React.JSX.Element {
  const { course, assignment } = props;
  const { lesson } = assignment;
  const announce = useAnnounce();
  const extensions = useRemote(`extensions ${course} ${lesson}`, signal =>
    readExtensions(course, lesson, signal)
  );
  const [username, setUsername] = useState('');
  // A class may be longer than any list: those are offered in whose names the typed text is.
  const [search, setSearch] = useState('');
  const searchField = useSearchField(search, setSearch);
  const learners = useRemote(`gradebook names ${course} ${search}`, signal =>
    readGradebook(course, { limit: 20, search }, signal)
  );
  const field = useRef<HTMLInputElement>(null);
  const [due, setDue] = useState(fieldText(assignment.due_at));
  const [reason, setReason] = useState('');
  // Counts how often the form was saved, or filled with what is saved.
  const [settled, setSettled] = useState(0);
  const action = useAction();
  const [wrong, setWrong] = useState<string | null>(null);
  const wrongId = useId();
  const dueField = useRef<HTMLInputElement>(null);
  const timeZone = useContext(TimeZone);
  const end = everybodysEnd(assignment);
  const after = (words: string): void => {
    announce(words);
    extensions.reload();
    props.changed();
  };
  const give = async (): Promise<void> => {
    const objection = extensionProblem(due, assignment, moment =>
      exactTime(moment, locale, timeZone)
    );
    setWrong(objection);
    if (objection !== null) {
      dueField.current?.focus();
      return;
    }
    await action.run(async () => {
      const name = username.trim();
      await grantExtension(course, lesson, name, {
        due_at: fieldMoment(due) ?? '',
        closes_at: null,
        reason: reason.trim()
      });
      setUsername('');
      setReason('');
      setSettled(count => count + 1);
      after(`${name} has more time.`);
    });
  };
  // Taken back a moment ago; the way back stands where the name stood.
  const [taken, setTaken] = useState<Extension | null>(null);
  const undo = (extension: Extension): Promise<boolean> =>
    action.run(async () => {
      await grantExtension(course, lesson, extension.learner.username, {
        due_at: extension.due_at,
        closes_at: extension.closes_at,
        reason: extension.reason
      });
      setTaken(null);
      after(`${extension.learner.display_name} has the extension again.`);
    });
  const withdraw = (extension: Extension): Promise<boolean> =>
    action.run(async () => {
      await withdrawExtension(course, lesson, extension.learner.username);
      setTaken(extension);
      after(`The extension of ${extension.learner.display_name} is taken back.`);
    });
  return (
    <Dialog
      title={`${assignment.title}: extensions`}
      close={props.close}
      testId="extensions-dialog"
      settled={settled}
    >
      {end === null ? (
        <NothingDue title={assignment.title} close={props.close} />
      ) : (
        <form
          className="form"
          onSubmit={event => {
            event.preventDefault();
            void give();
          }}
        >
          <h3>Give more time</h3>
          <label className="field">
            <span>Learner</span>
            <input
              ref={field}
              type="text"
              list="extension-learners"
              value={username}
              required
              autoComplete="off"
              data-testid="extension-learner"
              onChange={event => {
                setUsername(event.target.value);
                searchField.onChange(event);
              }}
            />
            <datalist id="extension-learners">
              {(learners.data?.data.rows ?? []).map(({ learner }) => (
                <option key={learner.username} value={learner.username}>
                  {learner.display_name}
                </option>
              ))}
            </datalist>
          </label>
          <MomentField
            label="New due time"
            value={due}
            change={text => {
              setDue(text);
              setWrong(null);
            }}
            required
            testId="extension-due"
            field={dueField}
            wrong={wrong === null ? undefined : wrongId}
          />
          {wrong !== null && (
            <p className="failed" id={wrongId} role="alert" data-testid="extension-wrong">
              {wrong}
            </p>
          )}
          <label className="field">
            <span>Reason</span>
            <input
              type="text"
              value={reason}
              maxLength={500}
              placeholder="Kept in the audit log; the learner does not see it"
              data-testid="extension-reason"
              onChange={event => setReason(event.target.value)}
            />
          </label>
          {action.problem && <Failure problem={action.problem} retry={() => void give()} />}
          <p className="actions">
            <button
              type="submit"
              className="button primary"
              disabled={action.isBusy}
              data-testid="extension-save"
            >
              Give more time
            </button>
            <button type="button" className="button" onClick={props.close}>
              Close
            </button>
          </p>
        </form>
      )}
      {/* Below the form, which stays where it is however long the list gets. */}
      <h3>Who has more time</h3>
      {taken !== null && (
        <div className="notice done" data-testid="extension-taken">
          <p>The extension of {taken.learner.display_name} is taken back.</p>
          <button
            type="button"
            className="button small"
            disabled={action.isBusy}
            data-testid="extension-undo"
            onClick={() => void undo(taken)}
          >
            Undo
          </button>
        </div>
      )}
      <Loaded of={extensions} rows={2}>
        {({ items }) =>
          items.length === 0 ? (
            <p className="quiet">Nobody has more time than the others.</p>
          ) : (
            <ul className="given">
              {items.map(extension => (
                <Given
                  key={extension.learner.username}
                  extension={extension}
                  end={end}
                  isBusy={action.isBusy}
                  edit={() => {
                    setUsername(extension.learner.username);
                    setDue(fieldText(extension.due_at));
                    setReason(extension.reason);
                    setSettled(count => count + 1);
                    field.current?.focus();
                  }}
                  withdraw={() => void withdraw(extension)}
                />
              ))}
            </ul>
          )
        }
      </Loaded>
    </Dialog>
  );
}
