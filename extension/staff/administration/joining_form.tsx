import { useState } from 'react';

import { changeCohort, type CohortPage } from '../api/administration';
import { useAnnounce } from '../components/announcer';
import { Failure } from '../components/notices';
import { useAction } from '../components/use_action';

import { domainsOf, joiningWords } from './words';

interface Draft {
  domains: string;
  isPublic: boolean;
  asks: boolean;
}

/** Who may join without being on a roster. What is typed stays until it is saved or taken back. */
export function JoiningForm(props: {
  joining: CohortPage['joining'];
  mayChange: boolean;
  changed: () => void;
}): React.JSX.Element {
  const { joining, mayChange } = props;
  // Only what was touched here: the rest stays as it is, also when somebody else changes it meanwhile.
  const [draft, setDraft] = useState<Partial<Draft> | null>(null);
  // What was saved counts until the page has it too: a tick in between begins from there, not from before.
  const [saved, setSaved] = useState<{ now: Draft; before: CohortPage['joining'] } | null>(null);
  const action = useAction();
  const announce = useAnnounce();
  const kept: Draft =
    saved?.before === joining
      ? saved.now
      : {
          domains: joining.mail_domains.join('\n'),
          isPublic: joining.allow_public_join,
          asks: joining.require_approval
        };
  const shown = { ...kept, ...draft };
  const wanted = {
    mail_domains: domainsOf(shown.domains),
    allow_public_join: shown.isPublic,
    require_approval: shown.asks
  };
  const isEdited =
    draft !== null &&
    (wanted.mail_domains.join('\n') !== kept.domains ||
      shown.isPublic !== kept.isPublic ||
      shown.asks !== kept.asks);
  const change = (part: Partial<Draft>): void => setDraft({ ...draft, ...part });
  const save = (): Promise<boolean> =>
    action.run(async () => {
      await changeCohort({
        joining: {
          mail_domains: draft?.domains === undefined ? null : wanted.mail_domains,
          allow_public_join: draft?.isPublic ?? null,
          require_approval: draft?.asks ?? null
        }
      });
      setSaved({ now: { ...shown, domains: wanted.mail_domains.join('\n') }, before: joining });
      setDraft(null);
      announce('Saved.');
      props.changed();
    });
  if (!mayChange) {
    return <p>{joiningWords(joining)}</p>;
  }
  return (
    <form
      className="form"
      data-testid="joining-form"
      onSubmit={event => {
        event.preventDefault();
        void save();
      }}
    >
      <p data-testid="joining-words">{joiningWords({ ...joining, ...wanted })}</p>
      <label className="field">
        <span>Mail domains, one on each line</span>
        <textarea
          rows={3}
          spellCheck={false}
          value={shown.domains}
          placeholder="school.example"
          disabled={action.isBusy}
          data-testid="mail-domains"
          onChange={event => change({ domains: event.target.value })}
        />
      </label>
      <label className="check">
        <input
          type="checkbox"
          checked={shown.isPublic}
          disabled={action.isBusy}
          data-testid="allow-public"
          onChange={event => change({ isPublic: event.target.checked })}
        />
        <span>Anybody with a verified mail address, at whatever domain</span>
      </label>
      <label className="check">
        <input
          type="checkbox"
          checked={shown.asks}
          disabled={action.isBusy}
          data-testid="require-approval"
          onChange={event => change({ asks: event.target.checked })}
        />
        <span>They wait for approval</span>
      </label>
      {action.problem && <Failure problem={action.problem} retry={() => void save()} />}
      <p className="actions">
        <button
          type="submit"
          className="button primary"
          disabled={!isEdited || action.isBusy}
          data-testid="joining-save"
        >
          Save
        </button>
        {isEdited && (
          <button
            type="button"
            className="button"
            disabled={action.isBusy}
            onClick={() => {
              setDraft(null);
              action.clear();
            }}
          >
            Begin anew
          </button>
        )}
      </p>
    </form>
  );
}
