import { Notification } from '@jupyterlab/apputils';
import { VDomModel } from '@jupyterlab/ui-components';

import { Newest } from '../api/newest';
import { ApiError } from '../api/request';
import type {
  Leaderboard,
  LeaderboardWindow,
  RewardPreferences,
  RewardProfile,
  RewardsUpdate
} from '../api/types';
import type { IClassroom } from '../classroom/tokens';

const RETRY_MS = 15_000;

/** The learner's XP, level and streak, and the leaderboard when its page is open. */
export class RewardsModel extends VDomModel {
  profile: RewardProfile | null = null;
  board: Leaderboard | null = null;
  preferences: RewardPreferences | null = null;
  window: LeaderboardWindow = 'weekly';
  error: string | null = null;
  boardError: string | null = null;
  /** Whether the cohort gives rewards; where it does not, nothing of them is shown. */
  enabled = false;

  constructor(readonly classroom: IClassroom) {
    super();
    classroom.events.received.connect((_, event) => {
      if (event.name === 'rewards.updated') {
        this._take(event.data);
      }
    });
    classroom.events.refreshNeeded.connect(() => {
      void this.refresh(true);
      if (this.boardError !== null) {
        void this._readAgain();
      }
    });
  }

  async refresh(background = false): Promise<void> {
    try {
      await this._profiles.ask(
        () => this.classroom.api.rewards(background),
        profile => {
          this._show(profile);
          this.error = null;
        }
      );
    } catch (reason) {
      this.error = this._words(reason);
      window.clearTimeout(this._timer);
      this._timer = window.setTimeout(() => void this.refresh(true), RETRY_MS);
    }
    this.stateChanged.emit();
  }

  /** Loads what the page shows beside the profile. */
  async openPage(): Promise<void> {
    await Promise.all([this.refresh(), this._readAgain()]);
  }

  private async _readAgain(): Promise<void> {
    await Promise.all([this.showBoard(this.window), this._readPreferences()]);
  }

  async showBoard(window: LeaderboardWindow): Promise<void> {
    this.window = window;
    this.stateChanged.emit();
    try {
      await this._boards.ask(
        () => this.classroom.api.leaderboard(window),
        board => {
          // A slow answer to an earlier choice must not replace the later one's.
          if (this.window === window) {
            this.board = board;
            this.boardError = null;
          }
        }
      );
    } catch (reason) {
      if (this.window === window) {
        this.boardError = this._words(reason);
      }
    }
    this.stateChanged.emit();
  }

  async setPreferences(preferences: RewardPreferences): Promise<void> {
    this._wishes += 1;
    const wish = this._wishes;
    this._choices.changed();
    this.preferences = preferences;
    this.stateChanged.emit();
    // One after the other, so that what was chosen last is what stays.
    const sent = this._sending.then(() => this.classroom.api.setRewardPreferences(preferences));
    this._sending = sent.catch(() => undefined);
    try {
      this._stored = await sent;
      this._choices.changed();
      if (wish === this._wishes) {
        this.preferences = this._stored;
      }
      await this.showBoard(this.window);
    } catch (reason) {
      if (wish === this._wishes) {
        this.preferences = this._stored;
      }
      this.boardError = this._words(reason);
      this.stateChanged.emit();
    }
  }

  private _take(update: RewardsUpdate): void {
    const { gained, level_up: levelUp, ...profile } = update;
    this._profiles.changed();
    this._show(profile);
    this.stateChanged.emit();
    if (levelUp && this.enabled && this.classroom.preferences.celebrate) {
      const { trans } = this.classroom;
      Notification.success(trans.__('Level %1 reached: %2', profile.level, profile.band), {
        autoClose: 6_000
      });
    }
    if (this.board) {
      void this.showBoard(this.window);
    }
  }

  private _show(profile: RewardProfile): void {
    this.enabled = profile.enabled;
    this.profile = profile.enabled ? profile : null;
  }

  private async _readPreferences(): Promise<void> {
    try {
      await this._choices.ask(
        () => this.classroom.api.rewardPreferences(),
        preferences => {
          this._stored = preferences;
          this.preferences = preferences;
        }
      );
    } catch (reason) {
      this.boardError = this._words(reason);
    }
    this.stateChanged.emit();
  }

  private _words(reason: unknown): string {
    return reason instanceof ApiError
      ? reason.message
      : this.classroom.trans.__('Your rewards could not be loaded. They are safe; try again.');
  }

  private readonly _profiles = new Newest();
  private readonly _boards = new Newest();
  private readonly _choices = new Newest();
  /** What the service has, as far as is known; what somebody has just chosen may be on its way there. */
  private _stored: RewardPreferences | null = null;
  private _wishes = 0;
  private _sending: Promise<unknown> = Promise.resolve();
  private _timer = 0;
}
