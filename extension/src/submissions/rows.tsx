import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import { useId, useState } from 'react';

import { TestIcon } from '../components/icons';
import { Markdown } from '../components/markdown';
import { formatPoints, type ResultRow, statusWords } from './verdict';

function pointsText(row: ResultRow, locale: string): string {
  const max = formatPoints(row.maxPoints, locale);
  return row.points === null ? max : `${formatPoints(row.points, locale)} / ${max}`;
}

function drivenWords(trans: TranslationBundle): string {
  return trans.__('The judge calls your code from outside the notebook and compares there.');
}

function Details(props: {
  row: ResultRow;
  id: string;
  trans: TranslationBundle;
  rendermime: IRenderMimeRegistry;
  onGoToCell: () => void;
}): React.JSX.Element {
  const { row, trans } = props;
  const lost = row.status !== 'passed';
  return (
    <div className="sh-TestRow-details" id={props.id}>
      {row.message && (
        <pre
          className={`sh-TestRow-message${row.message.trim().includes('\n') ? ' sh-mod-code' : ''}`}
        >
          {row.message}
        </pre>
      )}
      {row.hidden && !row.message && lost && (
        <p className="sh-Quiet">
          {trans.__('This test is hidden, so it does not show what it tried.')}
        </p>
      )}
      {row.hint && lost && (
        <div className="sh-TestRow-hint">
          <strong>{trans.__('Hint')}</strong>
          <Markdown text={row.hint} rendermime={props.rendermime} />
        </div>
      )}
      {row.driven && <p className="sh-Quiet">{drivenWords(trans)}</p>}
      {row.cells.length > 0 && (
        <button
          type="button"
          className="jp-Button jp-mod-styled sh-Button"
          data-testid="go-to-cell"
          onClick={props.onGoToCell}
        >
          {trans.__('Go to cell')}
        </button>
      )}
    </div>
  );
}

function TestRow(props: {
  row: ResultRow;
  open: boolean;
  locale: string;
  trans: TranslationBundle;
  rendermime: IRenderMimeRegistry;
  onToggle: () => void;
  onGoToCell: () => void;
}): React.JSX.Element {
  const { row, trans } = props;
  const details = useId();
  const running = row.status === 'waiting' || row.status === 'on_submit';
  return (
    <li className="sh-TestRow" data-testid={`test-row-${row.id}`} data-status={row.status}>
      <button
        type="button"
        className="sh-TestRow-head"
        aria-expanded={running ? undefined : props.open}
        aria-controls={props.open ? details : undefined}
        disabled={running}
        onClick={props.onToggle}
      >
        <TestIcon status={row.status} label={statusWords(row.status, trans)} />
        <span className="sh-TestRow-title">
          {/* The spaces are for whoever hears the row: nothing else keeps its words apart. */}
          {row.title} {row.hidden && <span className="sh-Tag">{trans.__('hidden test')}</span>}{' '}
          {row.status === 'needs_manual' && (
            <span className="sh-Tag">{statusWords(row.status, trans)}</span>
          )}{' '}
          {row.driven && (
            <span className="sh-Tag" title={drivenWords(trans)}>
              {trans.__('tamper-proof')}
            </span>
          )}
        </span>
        <span className="sh-TestRow-points">{pointsText(row, props.locale)}</span>
      </button>
      {props.open && !running && (
        <Details
          row={row}
          id={details}
          trans={trans}
          rendermime={props.rendermime}
          onGoToCell={props.onGoToCell}
        />
      )}
    </li>
  );
}

/** One row per test; with `openFirst` the first that lost points is open from the start. */
export function TestRows(props: {
  rows: ResultRow[];
  locale: string;
  trans: TranslationBundle;
  rendermime: IRenderMimeRegistry;
  label: string;
  openFirst: boolean;
  onGoToCell: (row: ResultRow) => void;
}): React.JSX.Element {
  const firstLost = props.openFirst
    ? props.rows.find(row => ['failed', 'error', 'timed_out'].includes(row.status))
    : undefined;
  const [toggled, setToggled] = useState<Record<string, boolean>>({});
  return (
    <ul className="sh-TestRows" aria-label={props.label}>
      {props.rows.map(row => {
        const open = toggled[row.id] ?? row.id === firstLost?.id;
        return (
          <TestRow
            key={row.id}
            row={row}
            open={open}
            locale={props.locale}
            trans={props.trans}
            rendermime={props.rendermime}
            onToggle={() => setToggled({ ...toggled, [row.id]: !open })}
            onGoToCell={() => props.onGoToCell(row)}
          />
        );
      })}
    </ul>
  );
}
