import { useState } from 'react';

import {
  changePolicy,
  readPolicy,
  type Counting,
  type GradebookAssignment,
  type LatePolicy,
  type Policy
} from '../api/grading';
import { Problem } from '../api/client';
import { useRemote } from '../api/remote';
import { browserTimeZone, exactTime } from '../../src/classroom/times';
import { Dialog } from '../components/dialog';
import { locale } from '../components/figures';
import { fieldMoment, fieldText, MomentField } from '../components/moment_field';
import { Failure, Loaded } from '../components/notices';
import { Overtaken, type Side } from '../components/overtaken';
import { useAction } from '../components/use_action';

interface Props {
  course: string;
  assignment: GradebookAssignment;
  done: (words: string) => void;
  close: () => void;
}

const COUNTING: [string, string][] = [
  ['', 'As usual: the best, or the last where answers are graded by hand'],
  ['best', 'The best attempt'],
  ['last', 'The last attempt']
];

const LATE: [LatePolicy, string][] = [
  ['none', 'Marked late, nothing more'],
  ['percent_per_day', 'Points are taken for each day'],
  ['hard_close', 'Not accepted']
];

/** What holds while the field is empty. */
function publishedWords(published: string | null): string {
  return published === null
    ? 'Empty: no such moment.'
    : `Empty: as published, ${exactTime(new Date(published), locale, browserTimeZone())}.`;
}

function NumberField(props: {
  label: string;
  value: number;
  max: number;
  change: (value: number) => void;
  testId: string;
}): React.JSX.Element {
  return (
    <label className="field short">
      <span>{props.label}</span>
      <input
        type="number"
        min={0}
        max={props.max}
        step="any"
        required
        value={Number.isNaN(props.value) ? '' : props.value}
        data-testid={props.testId}
        onChange={event => props.change(event.target.valueAsNumber)}
      />
    </label>
  );
}

const wordsOf = <Value extends string>(words: [Value, string][], value: Value): string =>
  words.find(([known]) => known === value)?.[1] ?? value;

const momentText = (moment: string | null): string =>
  moment === null ? '' : exactTime(new Date(moment), locale, browserTimeZone());

/** What a field says; the field knows no seconds, so one that was left alone says what was there before. */
const momentOf = (text: string, before: string | null): string | null =>
  text === fieldText(before) ? before : fieldMoment(text);

/** Two people's rules for an assignment, thing by thing. */
function sidesOf(theirs: Policy, mine: Policy): Side[] {
  const side = (name: string, text: (policy: Policy) => string): Side => ({
    name,
    theirs: text(theirs),
    mine: text(mine)
  });
  return [
    side('Due', policy => momentText(policy.due_at)),
    side('Closes', policy => momentText(policy.closes_at)),
    side('Late submissions', policy => wordsOf(LATE, policy.late_policy)),
    side('Percent for each day', policy => String(policy.late_percent_per_day)),
    side('At most, percent', policy => String(policy.late_max_percent)),
    side('Grace, minutes', policy => String(policy.grace_minutes)),
    side('Which attempt counts', policy => wordsOf(COUNTING, policy.counting ?? '')),
    side('Names in the queue', policy => (policy.anonymous ? 'hidden' : 'shown'))
  ];
}

function PolicyForm(props: Props & { policy: Policy }): React.JSX.Element {
  const { course, assignment, policy } = props;
  const [draft, setDraft] = useState(policy);
  const [version, setVersion] = useState(policy.version);
  // What somebody else saved while this form was open.
  const [theirs, setTheirs] = useState<Policy | null>(null);
  const [due, setDue] = useState(fieldText(policy.due_at));
  const [closes, setCloses] = useState(fieldText(policy.closes_at));
  const action = useAction();
  const typed: Policy = {
    ...draft,
    due_at: momentOf(due, draft.due_at),
    closes_at: momentOf(closes, draft.closes_at)
  };
  const change = (part: Partial<Policy>): void => setDraft({ ...draft, ...part });
  const save = (): Promise<boolean> =>
    action.run(async () => {
      const given = {
        counting: draft.counting,
        late_policy: draft.late_policy,
        late_percent_per_day: draft.late_percent_per_day,
        late_max_percent: draft.late_max_percent,
        grace_minutes: draft.grace_minutes,
        due_at: typed.due_at,
        closes_at: typed.closes_at,
        anonymous: draft.anonymous,
        expected_version: version
      };
      try {
        await changePolicy(course, assignment.lesson, given);
      } catch (error) {
        if (error instanceof Problem && error.code === 'changed_meanwhile') {
          setTheirs(await readPolicy(course, assignment.lesson));
          return;
        }
        throw error;
      }
      props.done(`${assignment.title}: due date and late policy saved. All grades follow it.`);
    });
  return (
    <form
      className="form"
      onSubmit={event => {
        event.preventDefault();
        void save();
      }}
    >
      <MomentField
        label="Due"
        value={due}
        change={setDue}
        about={publishedWords(policy.published_due_at)}
        testId="policy-due"
      />
      <MomentField
        label="Closes"
        value={closes}
        change={setCloses}
        about={`After this moment nothing is accepted. ${publishedWords(policy.published_closes_at)}`}
        testId="policy-closes"
      />
      <label className="field">
        <span>Late submissions</span>
        <select
          value={draft.late_policy}
          data-testid="policy-late"
          onChange={event =>
            change({
              late_policy: LATE.find(([value]) => value === event.target.value)?.[0] ?? 'none'
            })
          }
        >
          {LATE.map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </select>
      </label>
      {draft.late_policy === 'percent_per_day' && (
        <div className="field-row">
          <NumberField
            label="Percent for each day"
            value={draft.late_percent_per_day}
            max={100}
            change={value => change({ late_percent_per_day: value })}
            testId="policy-percent"
          />
          <NumberField
            label="At most, percent"
            value={draft.late_max_percent}
            max={100}
            change={value => change({ late_max_percent: value })}
            testId="policy-most"
          />
        </div>
      )}
      <NumberField
        label="Grace, minutes"
        value={draft.grace_minutes}
        max={100_000}
        change={value => change({ grace_minutes: Math.round(value) })}
        testId="policy-grace"
      />
      <label className="field">
        <span>Which attempt counts</span>
        <select
          value={draft.counting ?? ''}
          data-testid="policy-counting"
          onChange={event =>
            change({
              counting: event.target.value === '' ? null : (event.target.value as Counting)
            })
          }
        >
          {COUNTING.map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </select>
      </label>
      <label className="check">
        <input
          type="checkbox"
          checked={draft.anonymous}
          data-testid="policy-anonymous"
          onChange={event => change({ anonymous: event.target.checked })}
        />
        <span>Hide names in the grading queue</span>
      </label>
      {action.problem && <Failure problem={action.problem} retry={() => void save()} />}
      {theirs !== null && (
        <Overtaken
          words="Somebody saved other rules while you had this open. Yours are not saved yet."
          sides={sidesOf(theirs, typed)}
          testId="policy"
          takeTheirs={() => {
            setDraft(theirs);
            setDue(fieldText(theirs.due_at));
            setCloses(fieldText(theirs.closes_at));
            setVersion(theirs.version);
            setTheirs(null);
          }}
          keepMine={() => {
            setVersion(theirs.version);
            setTheirs(null);
          }}
        />
      )}
      <p className="actions">
        <button
          type="submit"
          className="button primary"
          disabled={action.isBusy || theirs !== null}
          data-testid="policy-save"
        >
          Save
        </button>
        <button type="button" className="button" disabled={action.isBusy} onClick={props.close}>
          Cancel
        </button>
      </p>
    </form>
  );
}

/** When an assignment is due, what lateness costs, and which attempt counts. */
export function PolicyDialog(props: Props): React.JSX.Element {
  const { course, assignment } = props;
  const policy = useRemote(`policy ${course} ${assignment.lesson}`, signal =>
    readPolicy(course, assignment.lesson, signal)
  );
  const [first] = useState(policy.data);
  // What was seen before may be old: the form opens with what the service says now.
  const fresh = policy.data === first ? null : policy.data;
  return (
    <Dialog title={`${assignment.title}: rules`} close={props.close} testId="policy-dialog">
      <Loaded of={{ ...policy, data: fresh }} rows={4}>
        {data => <PolicyForm {...props} policy={data} />}
      </Loaded>
      {fresh === null && (
        <p className="actions">
          <button type="button" className="button" onClick={props.close}>
            Cancel
          </button>
        </p>
      )}
    </Dialog>
  );
}
