// What a report says besides its tests: repairs, integrity flags, resources.

import type { StaffReport } from '../api/staff';
import { durationText, numberText } from '../components/figures';
import { Icon } from '../components/icons';

interface Note {
  message: string;
  about: string[];
}

/** Notes that say the same become one that lists what they are about. */
function grouped<Item extends { message: string }>(
  items: Item[],
  aboutOf: (item: Item) => string | null
): Note[] {
  const notes = new Map<string, Note>();
  for (const item of items) {
    const note = notes.get(item.message) ?? { message: item.message, about: [] };
    notes.set(item.message, note);
    const about = aboutOf(item);
    if (about !== null && about !== '' && !note.about.includes(about)) {
      note.about.push(about);
    }
  }
  return [...notes.values()];
}

function NoteText(props: { note: Note }): React.JSX.Element {
  const { message, about } = props.note;
  return (
    <span>
      {message}
      {about.length > 0 && <span className="quiet"> ({about.join('; ')})</span>}
    </span>
  );
}

export function Flags(props: { report: StaffReport }): React.JSX.Element | null {
  const { flags, tests } = props.report;
  if (flags.length === 0) {
    return null;
  }
  const titleOf = (id: string): string => tests.find(test => test.id === id)?.title ?? id;
  return (
    <section aria-labelledby="flags" data-testid="integrity-flags">
      <h2 id="flags">Integrity flags</h2>
      <p className="quiet">
        Things that an honest submission rarely does. They change no score by themselves and the
        learner does not see them; look at the notebook before you draw a conclusion.
      </p>
      <ul className="notes">
        {grouped(flags, flag => (flag.test_id === null ? null : `“${titleOf(flag.test_id)}”`)).map(
          note => (
            <li key={note.message}>
              <span className="waiting">
                <Icon shape="flag" />
              </span>
              <NoteText note={note} />
            </li>
          )
        )}
      </ul>
    </section>
  );
}

export function Repairs(props: { report: StaffReport }): React.JSX.Element | null {
  const { repairs } = props.report;
  if (repairs.length === 0) {
    return null;
  }
  const isOne = new Set(repairs.map(repair => repair.notebook)).size === 1;
  return (
    <section aria-labelledby="repairs" data-testid="repairs">
      <h2 id="repairs">Repairs</h2>
      <p className="quiet">Mended before grading; the learner reads the same.</p>
      <ul className="notes">
        {grouped(repairs, repair =>
          [isOne ? null : `${repair.notebook}.ipynb`, repair.grade_id]
            .filter(part => part !== null)
            .join(', ')
        ).map(note => (
          <li key={note.message}>
            <span className="quiet">
              <Icon shape="info" />
            </span>
            <NoteText note={note} />
          </li>
        ))}
      </ul>
    </section>
  );
}

export function ResourceUse(props: { report: StaffReport; release: number }): React.JSX.Element {
  const { report, release } = props;
  const { wall_ms: wall, cpu_ms: cpu, peak_memory_mb: memory } = report.resources;
  return (
    <section aria-labelledby="resources">
      <h2 id="resources">Resources</h2>
      <dl className="facts">
        <div>
          <dt>Time</dt>
          <dd>{durationText(wall)}</dd>
        </div>
        <div>
          <dt>Processor</dt>
          <dd>{durationText(cpu)}</dd>
        </div>
        <div>
          <dt>Memory, at most</dt>
          <dd>{numberText(Math.round(memory))} MB</dd>
        </div>
        <div>
          <dt>Release</dt>
          <dd title={report.release_hash}>{release}</dd>
        </div>
        {report.judge_version !== '' && (
          <div>
            <dt>Judge</dt>
            <dd>{report.judge_version}</dd>
          </div>
        )}
      </dl>
    </section>
  );
}
