import { useState } from 'react';

import type { LeaderboardWindow, RewardPreferences } from '../api/types';
import { Notice, Skeleton } from '../components/notices';
import type { RewardsModel } from './model';

function Switch({ model }: { model: RewardsModel }): React.JSX.Element {
  const { trans } = model.classroom;
  const windows: [LeaderboardWindow, string][] = [
    ['weekly', trans.__('This week')],
    ['monthly', trans.__('This month')],
    ['all_time', trans.__('All time')]
  ];
  return (
    <div className="sh-Switch" role="group" aria-label={trans.__('Period')}>
      {windows.map(([window, label]) => (
        <button
          key={window}
          type="button"
          aria-pressed={model.window === window}
          data-testid={`leaderboard-${window}`}
          onClick={() => void model.showBoard(window)}
        >
          {label}
        </button>
      ))}
    </div>
  );
}

function Visibility(props: {
  model: RewardsModel;
  preferences: RewardPreferences;
}): React.JSX.Element {
  const { model, preferences } = props;
  const { trans } = model.classroom;
  const [name, setName] = useState(preferences.pseudonym ?? '');
  const changed = name.trim() !== (preferences.pseudonym ?? '');
  return (
    <form
      className="sh-Visibility"
      onSubmit={event => {
        event.preventDefault();
        void model.setPreferences({ ...preferences, pseudonym: name.trim() || null });
      }}
    >
      <label>
        <input
          type="checkbox"
          data-testid="leaderboard-visible"
          checked={preferences.leaderboard_visible}
          onChange={event =>
            void model.setPreferences({
              ...preferences,
              leaderboard_visible: event.target.checked
            })
          }
        />{' '}
        {trans.__('Show me on the leaderboard')}
      </label>
      {preferences.leaderboard_visible && (
        <span className="sh-Visibility-name">
          <input
            type="text"
            className="sh-Quiz-text"
            maxLength={40}
            aria-label={trans.__('Name on the leaderboard')}
            placeholder={trans.__('under another name (optional)')}
            value={name}
            onChange={event => setName(event.target.value)}
          />
          {changed && (
            <button type="submit" className="jp-Button jp-mod-styled sh-Button">
              {trans.__('Use this name')}
            </button>
          )}
        </span>
      )}
    </form>
  );
}

function Ranks({ model }: { model: RewardsModel }): React.JSX.Element {
  const { trans, locale } = model.classroom;
  const number = new Intl.NumberFormat(locale);
  const { board } = model;
  if (!board) {
    return <Skeleton rows={5} label={trans.__('Loading the leaderboard')} />;
  }
  if (board.entries.length === 0) {
    return (
      <Notice
        tone="quiet"
        message={trans.__(
          'Nobody has earned XP in this period yet. The next lesson could be the first.'
        )}
      />
    );
  }
  const below = board.me && !board.entries.some(entry => entry.is_me) ? board.me : null;
  return (
    <table className="sh-Ranks">
      <thead>
        <tr>
          <th scope="col">{trans.__('Rank')}</th>
          <th scope="col">{trans.__('Name')}</th>
          <th scope="col">{trans.__('Level')}</th>
          <th scope="col">{trans.__('XP')}</th>
        </tr>
      </thead>
      <tbody>
        {board.entries.map(entry => (
          <tr
            key={`${entry.rank}-${entry.display_name}`}
            className={entry.is_me ? 'sh-mod-me' : ''}
            aria-current={entry.is_me ? 'true' : undefined}
          >
            <td>{entry.rank}</td>
            <th scope="row">
              {entry.display_name}
              {entry.is_me && <span className="sh-Tag">{trans.__('you')}</span>}
            </th>
            <td>{entry.level}</td>
            <td>{number.format(entry.xp)}</td>
          </tr>
        ))}
        {below && (
          <tr className="sh-mod-me sh-mod-apart">
            <td>{below.rank}</td>
            <th scope="row">{trans.__('you')}</th>
            <td />
            <td>{number.format(below.xp)}</td>
          </tr>
        )}
      </tbody>
    </table>
  );
}

/** The cohort's leaderboard with its periods and the learner's own choice to be on it. */
export function LeaderboardSection({ model }: { model: RewardsModel }): React.JSX.Element {
  const { trans } = model.classroom;
  return (
    <section className="sh-Card" aria-label={trans.__('Leaderboard')} data-testid="leaderboard">
      <header className="sh-Card-header">
        <h2>{trans.__('Leaderboard')}</h2>
        <Switch model={model} />
      </header>
      {model.boardError && (
        <Notice
          tone="failed"
          message={model.boardError}
          action={{ label: trans.__('Try again'), run: () => void model.openPage() }}
        />
      )}
      <Ranks model={model} />
      {model.preferences && (
        <Visibility
          key={model.preferences.pseudonym ?? ''}
          model={model}
          preferences={model.preferences}
        />
      )}
    </section>
  );
}
