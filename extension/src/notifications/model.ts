import { Notification as Toast } from '@jupyterlab/apputils';
import { VDomModel } from '@jupyterlab/ui-components';

import { Newest } from '../api/newest';
import { ApiError } from '../api/request';
import type { Notification } from '../api/types';
import type { IClassroom } from '../classroom/tokens';

const TOAST_MS = 15_000;

/** What somebody should know: a list, the newest first, and how many of it is unread. */
export class NotificationsModel extends VDomModel {
  /** Null until it has been loaded once. */
  items: Notification[] | null = null;
  error: string | null = null;

  /** `open` leads to what a notification is about. */
  constructor(
    readonly classroom: IClassroom,
    private readonly _open: (notification: Notification) => void
  ) {
    super();
    classroom.events.received.connect((_, event) => {
      if (event.name === 'notification.created') {
        this._take(event.data);
      } else if (event.name === 'grades.updated' && event.data.final === null) {
        // What was said of a grade is gone with it, unless it was read.
        void this.refresh(true);
      }
    });
    classroom.events.refreshNeeded.connect(() => void this.refresh(true));
  }

  get unread(): number {
    return (this.items ?? []).filter(item => item.read_at === null).length;
  }

  async refresh(background = false): Promise<void> {
    try {
      await this._list.ask(
        () => this.classroom.api.notifications(background),
        items => {
          this.items = items;
          this.error = null;
          this._dismissGone();
        }
      );
    } catch (reason) {
      this.error = this._words(reason);
    }
    this.stateChanged.emit();
  }

  /** Opens what a notification is about; it is read then. */
  async open(notification: Notification): Promise<void> {
    this._open(notification);
    await this.markRead(notification);
  }

  async markRead(notification: Notification): Promise<void> {
    if (notification.read_at !== null) {
      return;
    }
    const read = { ...notification, read_at: new Date().toISOString() };
    this._put(read);
    try {
      this._put(await this.classroom.api.readNotification(notification.id));
    } catch {
      // It shows again as unread, and is marked the next time; what was heard of it meanwhile stays.
      if (this.items?.includes(read)) {
        this._put(notification);
      }
    }
  }

  async markAllRead(): Promise<void> {
    try {
      await this.classroom.api.readAllNotifications();
      this._list.changed();
      await this.refresh();
    } catch (reason) {
      this.error = this._words(reason);
      this.stateChanged.emit();
    }
  }

  /** Puts a notification on top; one that is there already was renewed, and its message as well. */
  private _take(notification: Notification): void {
    const known = this.items?.find(item => item.id === notification.id);
    if (known?.created_at === notification.created_at) {
      return;
    }
    this._list.changed();
    this.items = [notification, ...(this.items ?? []).filter(item => item.id !== notification.id)];
    this.stateChanged.emit();
    const message = {
      autoClose: TOAST_MS,
      actions: [
        {
          label: this.classroom.trans.__('Show'),
          callback: () => void this.open(notification)
        }
      ]
    };
    const id = this._toasts.get(notification.id);
    if (id === undefined || !Toast.update({ id, message: notification.title, ...message })) {
      this._toasts.set(notification.id, Toast.info(notification.title, message));
    }
  }

  /** Takes messages off the screen whose notifications are not there any more. */
  private _dismissGone(): void {
    for (const [notification, toast] of this._toasts) {
      if (!this.items?.some(item => item.id === notification)) {
        Toast.dismiss(toast);
        this._toasts.delete(notification);
      }
    }
  }

  /** Puts a state of a notification over an older one; it may have been renewed since the state was asked for. */
  private _put(notification: Notification): void {
    this._list.changed();
    const at = Date.parse(notification.created_at);
    this.items = (this.items ?? []).map(item =>
      item.id === notification.id && Date.parse(item.created_at) <= at ? notification : item
    );
    this.stateChanged.emit();
  }

  private _words(reason: unknown): string {
    return reason instanceof ApiError
      ? reason.message
      : this.classroom.trans.__('Your notifications could not be loaded. Try again.');
  }

  private readonly _list = new Newest();
  /** The messages on the screen, by the notification that they tell of. */
  private readonly _toasts = new Map<string, string>();
}
