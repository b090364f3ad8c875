import { VDomRenderer } from '@jupyterlab/ui-components';

import type { Notification } from '../api/types';
import { Moment } from '../components/moment';
import { Notice, Skeleton } from '../components/notices';
import type { NotificationsModel } from './model';

function Item(props: { model: NotificationsModel; item: Notification }): React.JSX.Element {
  const { model, item } = props;
  const { trans, locale, timeZone } = model.classroom;
  const isNew = item.read_at === null;
  return (
    <li
      className={`sh-Notification${isNew ? ' sh-mod-unread' : ''}`}
      data-testid={`notification-${item.kind}`}
    >
      <div>
        <h2>
          {isNew && <span className="sh-Tag">{trans.__('new')}</span>} {item.title}
        </h2>
        {item.body && <p>{item.body}</p>}
        <p className="sh-Quiet">
          <Moment at={item.created_at} locale={locale} timeZone={timeZone} />
        </p>
      </div>
      <div className="sh-Notification-actions">
        {item.link.lesson && (
          <button
            type="button"
            className="jp-Button jp-mod-styled sh-Button"
            data-testid="notification-open"
            onClick={() => void model.open(item)}
          >
            {trans.__('Open the lesson')}
          </button>
        )}
        {isNew && (
          <button type="button" className="sh-Link" onClick={() => void model.markRead(item)}>
            {trans.__('Mark as read')}
          </button>
        )}
      </div>
    </li>
  );
}

function PageView({ model }: { model: NotificationsModel }): React.JSX.Element {
  const { trans } = model.classroom;
  const retry = { label: trans.__('Try again'), run: () => void model.refresh() };
  return (
    <div className="sh-Page">
      <div className="sh-Page-head">
        <h1>{trans.__('Notifications')}</h1>
        {model.unread > 1 && (
          <button type="button" className="sh-Link" onClick={() => void model.markAllRead()}>
            {trans.__('Mark all as read')}
          </button>
        )}
      </div>
      {model.error && <Notice tone="failed" message={model.error} action={retry} />}
      {model.items === null && !model.error && (
        <Skeleton rows={4} label={trans.__('Loading your notifications')} />
      )}
      {model.items?.length === 0 && (
        <Notice
          tone="quiet"
          message={trans.__('Nothing yet. When grades are released, you read it here.')}
        />
      )}
      {model.items && model.items.length > 0 && (
        <ul className="sh-Notifications">
          {model.items.map(item => (
            <Item key={item.id} model={model} item={item} />
          ))}
        </ul>
      )}
    </div>
  );
}

/** All notifications, in the main area. */
export class NotificationsPage extends VDomRenderer<NotificationsModel> {
  constructor(model: NotificationsModel) {
    super(model);
    this.addClass('sh-Rewards');
    this.node.dataset.testid = 'notifications-page';
  }

  protected override render(): React.JSX.Element {
    return <PageView model={this.model} />;
  }
}
