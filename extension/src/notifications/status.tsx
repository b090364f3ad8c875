import { VDomRenderer } from '@jupyterlab/ui-components';

import { Envelope } from '../components/icons';
import type { NotificationsModel } from './model';

/** An envelope in the status bar with the number of unread notifications; it opens their page. */
export class NotificationsStatus extends VDomRenderer<NotificationsModel> {
  constructor(
    model: NotificationsModel,
    private readonly _open: () => void
  ) {
    super(model);
    this.addClass('sh-Status');
  }

  protected override render(): React.JSX.Element | null {
    const { unread, classroom } = this.model;
    const { trans } = classroom;
    const words =
      unread === 0
        ? trans.__('No new notifications')
        : trans._n('%1 new notification', '%1 new notifications', unread);
    return (
      <button
        type="button"
        className="sh-Status-item"
        data-testid="status-notifications"
        title={words}
        aria-label={words}
        onClick={this._open}
      >
        <Envelope lit={unread > 0} />
        {unread > 0 && <span>{unread}</span>}
      </button>
    );
  }
}
