import { VDomRenderer } from '@jupyterlab/ui-components';

import { Flame, ProgressRing } from '../components/icons';
import type { RewardsModel } from './model';

/** Streak and level in the status bar; both open the rewards page. */
export class RewardsStatus extends VDomRenderer<RewardsModel> {
  constructor(
    model: RewardsModel,
    private readonly _open: () => void
  ) {
    super(model);
    this.addClass('sh-Status');
  }

  protected override render(): React.JSX.Element | null {
    const { profile, classroom } = this.model;
    if (!profile) {
      return null;
    }
    const { trans, locale } = classroom;
    const { streak } = profile;
    const xp = new Intl.NumberFormat(locale).format(profile.xp);
    const size = profile.xp_into_level + profile.xp_to_next_level;
    const days = trans._n('%1 day in a row', '%1 days in a row', streak.current);
    const today = streak.active_today
      ? trans.__('today is done')
      : trans.__('solve, answer or review something today to keep it');
    return (
      <>
        <button
          type="button"
          className="sh-Status-item"
          data-testid="status-streak"
          title={`${days}; ${today}`}
          aria-label={`${days}; ${today}`}
          onClick={this._open}
        >
          <Flame lit={streak.active_today} />
          <span>{streak.current}</span>
        </button>
        <button
          type="button"
          className="sh-Status-item"
          data-testid="status-xp"
          title={trans.__('%1 XP, %2 to the next level', xp, profile.xp_to_next_level)}
          aria-label={trans.__(
            'Level %1, %2 XP, %3 to the next level',
            profile.level,
            xp,
            profile.xp_to_next_level
          )}
          onClick={this._open}
        >
          <ProgressRing share={size > 0 ? profile.xp_into_level / size : 0} />
          <span>{trans.__('Level %1 · %2 XP', profile.level, xp)}</span>
        </button>
      </>
    );
  }
}
