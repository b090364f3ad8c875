import { useState } from 'react';

import {
  applyRoster,
  previewRoster,
  type RosterLine,
  type RosterPreview
} from '../api/administration';
import { Problem } from '../api/client';
import { useAnnounce } from '../components/announcer';
import { countText } from '../components/figures';
import { Icon } from '../components/icons';
import { Failure } from '../components/notices';
import { Page } from '../components/page';
import { useAction } from '../components/use_action';

import { rosterText } from './roster_file';
import { CohortTabs } from './tabs';

const EXAMPLE = `username,display_name,email,course,role
lea,Lea Li,lea@school.example,python-foundations,learner
noor,"Noor, A.",,python-foundations,grader`;

interface Looked {
  /** The text that it belongs to; another one needs another look. */
  csv: string;
  preview: RosterPreview;
  isApplied: boolean;
}

function Line(props: { line: RosterLine; text: string }): React.JSX.Element {
  const { line } = props;
  return (
    <tr data-testid={`line-${line.line}`}>
      <td className="number">{line.line}</td>
      <th scope="row">{line.username || <span className="quiet">–</span>}</th>
      <td>
        {line.problem === null ? (
          line.what
        ) : (
          <span className="mark failed wraps">
            <Icon shape="warning" />
            <span>
              {line.problem}
              <code className="quiet line-text">{props.text}</code>
            </span>
          </span>
        )}
      </td>
    </tr>
  );
}

function summary({ preview, isApplied }: Looked): string {
  if (preview.problems > 0) {
    return `${countText(preview.problems, 'mistake', 'mistakes')}. Nothing can be applied before that is mended: change the lines here, or your file.`;
  }
  if (isApplied) {
    return preview.changes === 0
      ? 'There was nothing to change.'
      : `Done: ${countText(preview.changes, 'change', 'changes')}. Giving the same roster again changes nothing.`;
  }
  if (preview.changes === 0) {
    return 'Everything is so already. There is nothing to apply.';
  }
  const same =
    preview.unchanged === 0
      ? ''
      : `, ${countText(preview.unchanged, 'line is', 'lines are')} so already`;
  return `${countText(preview.changes, 'change', 'changes')}${same}. Nothing is done yet.`;
}

function Result(props: { looked: Looked }): React.JSX.Element {
  const { preview } = props.looked;
  const shown = preview.lines.length;
  const texts = props.looked.csv.split(/\r\n|\r|\n/);
  const tone = preview.problems > 0 ? 'failed' : props.looked.isApplied ? 'done' : 'waiting';
  return (
    <section aria-labelledby="result" className="result">
      <h2 id="result">
        {preview.problems > 0 ? 'What is wrong' : props.looked.isApplied ? 'Applied' : 'Preview'}
      </h2>
      <div className={`notice ${tone}`} role="status" data-testid="roster-summary">
        <p>{summary(props.looked)}</p>
      </div>
      {shown > 0 && (
        <div className="scroll" role="region" aria-label="Lines" tabIndex={0}>
          <table data-testid="roster-lines">
            <caption className="unseen">Lines of the roster</caption>
            <thead>
              <tr>
                <th scope="col" className="number">
                  Line
                </th>
                <th scope="col">Username</th>
                <th scope="col">{preview.problems > 0 ? 'What is wrong' : 'What changes'}</th>
              </tr>
            </thead>
            <tbody>
              {preview.lines.map((line, index) => (
                <Line key={`${line.line} ${index}`} line={line} text={texts[line.line - 1] ?? ''} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {preview.problems > shown && (
        <p className="quiet small">
          {countText(preview.problems - shown, 'more mistake is', 'more mistakes are')} not shown.
        </p>
      )}
    </section>
  );
}

/** Brings people in by a CSV file: chosen or typed, looked at, then applied; twice is once. */
export function RosterPage(): React.JSX.Element {
  const [csv, setCsv] = useState('');
  const [looked, setLooked] = useState<Looked | null>(null);
  const [refused, setRefused] = useState<string | null>(null);
  const action = useAction();
  const announce = useAnnounce();
  const isCurrent = looked !== null && looked.csv === csv;
  const canApply =
    isCurrent && !looked.isApplied && looked.preview.problems === 0 && looked.preview.changes > 0;

  const show = (next: Looked): void => {
    setLooked(next);
    announce(summary(next));
  };
  const look = (text: string): Promise<boolean> =>
    action.run(async () => {
      show({ csv: text, preview: await previewRoster(text), isApplied: false });
    });
  const apply = (): Promise<boolean> =>
    action.run(async () => {
      if (looked === null) {
        return;
      }
      try {
        const done = await applyRoster(looked.csv, looked.preview.changes);
        show({ csv: looked.csv, preview: done, isApplied: true });
      } catch (error) {
        if (error instanceof Problem && error.code === 'changed_meanwhile') {
          const preview = await previewRoster(looked.csv);
          show({ csv: looked.csv, preview, isApplied: false });
        }
        throw error;
      }
    });
  const choose = async (chosen: File | undefined): Promise<void> => {
    if (chosen) {
      const read = await rosterText(chosen);
      setRefused('refused' in read ? read.refused : null);
      if ('text' in read) {
        setCsv(read.text);
        await look(read.text);
      }
    }
  };
  return (
    <Page title="Roster" testId="roster-page">
      <CohortTabs current="roster" />
      <p className="quiet">
        A roster is a CSV file that says who is in the cohort and which part they have in its
        courses. People who are not in it stay as they are, and nobody is removed.
      </p>
      <form
        className="form"
        onSubmit={event => {
          event.preventDefault();
          void look(csv);
        }}
      >
        <div className="field-row">
          <label className="field">
            <span>File</span>
            <input
              type="file"
              accept=".csv,text/csv,text/plain"
              data-testid="roster-file"
              onClick={event => {
                // The same file, mended, is chosen again: else the browser would say nothing of it.
                event.currentTarget.value = '';
              }}
              onChange={event => void choose(event.target.files?.[0])}
            />
          </label>
        </div>
        {refused !== null && (
          <div className="notice failed" role="alert" data-testid="roster-refused">
            <p>{refused}</p>
          </div>
        )}
        <label className="field">
          <span>Its lines; mend them here if you like</span>
          <textarea
            className="code"
            rows={8}
            spellCheck={false}
            value={csv}
            placeholder={EXAMPLE}
            data-testid="roster-text"
            onChange={event => {
              setCsv(event.target.value);
              setRefused(null);
            }}
          />
        </label>
        <p className="actions">
          <button
            type="submit"
            className={`button ${canApply ? '' : 'primary'}`}
            disabled={action.isBusy || csv.trim() === ''}
            data-testid="roster-preview"
          >
            {looked === null ? 'Show what it changes' : 'Look again'}
          </button>
          {canApply && (
            <button
              type="button"
              className="button primary"
              disabled={action.isBusy}
              data-testid="roster-apply"
              onClick={() => void apply()}
            >
              Apply {countText(looked.preview.changes, 'change', 'changes')}
            </button>
          )}
          {looked !== null && !isCurrent && (
            <span className="quiet small">
              The lines are others now than those that were looked at.
            </span>
          )}
        </p>
      </form>
      {action.problem && (
        <Failure problem={action.problem} retry={() => void (canApply ? apply() : look(csv))} />
      )}
      {looked !== null && (
        <div className={isCurrent ? '' : 'stale'}>
          <Result looked={looked} />
        </div>
      )}
    </Page>
  );
}
