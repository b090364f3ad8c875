import { VDomRenderer } from '@jupyterlab/ui-components';

import type { RewardProfile } from '../api/types';
import { Flame } from '../components/icons';
import { Notice, ProgressBar, Skeleton } from '../components/notices';
import { DailyBars } from './chart';
import { LeaderboardSection } from './leaderboard';
import type { RewardsModel } from './model';

function Level(props: { model: RewardsModel; profile: RewardProfile }): React.JSX.Element {
  const { model, profile } = props;
  const { trans, locale } = model.classroom;
  const number = new Intl.NumberFormat(locale);
  const size = profile.xp_into_level + profile.xp_to_next_level;
  return (
    <section className="sh-Card" aria-label={trans.__('Level')}>
      <p className="sh-Kicker">{profile.band}</p>
      <h2>{trans.__('Level %1', profile.level)}</h2>
      <ProgressBar
        value={profile.xp_into_level}
        max={size}
        label={trans.__('%1 of %2 XP in this level', profile.xp_into_level, size)}
      />
      <p className="sh-Quiet">
        {trans.__(
          '%1 XP in all, %2 to level %3',
          number.format(profile.xp),
          number.format(profile.xp_to_next_level),
          profile.level + 1
        )}
      </p>
    </section>
  );
}

function Streak(props: { model: RewardsModel; profile: RewardProfile }): React.JSX.Element {
  const { trans } = props.model.classroom;
  const { streak } = props.profile;
  return (
    <section className="sh-Card" aria-label={trans.__('Streak')}>
      <p className="sh-Kicker">{trans.__('Streak')}</p>
      <h2>
        <Flame lit={streak.active_today} /> {trans._n('%1 day', '%1 days', streak.current)}
      </h2>
      <p className="sh-Quiet">
        {streak.active_today
          ? trans.__('Today is done.')
          : trans.__('Solve, answer or review something today to keep it.')}
      </p>
      <p className="sh-Quiet">
        {trans._n('Longest: %1 day', 'Longest: %1 days', streak.longest)}
        {streak.freezes > 0 &&
          ` · ${trans._n('%1 freeze in hand', '%1 freezes in hand', streak.freezes)}`}
      </p>
    </section>
  );
}

function PageView({ model }: { model: RewardsModel }): React.JSX.Element {
  const { trans } = model.classroom;
  const { profile } = model;
  if (!profile) {
    return model.error ? (
      <Notice
        tone="failed"
        message={model.error}
        action={{ label: trans.__('Try again'), run: () => void model.openPage() }}
      />
    ) : (
      <Skeleton rows={6} label={trans.__('Loading your rewards')} />
    );
  }
  return (
    <div className="sh-Page">
      <h1>{trans.__('Rewards')}</h1>
      <div className="sh-Cards">
        <Level model={model} profile={profile} />
        <Streak model={model} profile={profile} />
      </div>
      <section className="sh-Card" aria-label={trans.__('Last 30 days')}>
        <h2>{trans.__('Last 30 days')}</h2>
        <DailyBars days={profile.last_30_days} classroom={model.classroom} />
      </section>
      <LeaderboardSection model={model} />
    </div>
  );
}

/** The rewards page in the main area. */
export class RewardsPage extends VDomRenderer<RewardsModel> {
  constructor(model: RewardsModel) {
    super(model);
    this.addClass('sh-Rewards');
    this.node.dataset.testid = 'rewards-page';
  }

  protected override render(): React.JSX.Element {
    return <PageView model={this.model} />;
  }
}
