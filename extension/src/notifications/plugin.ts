import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { IStatusBar } from '@jupyterlab/statusbar';

import { IClassroom } from '../classroom/tokens';
import { messageIcon } from '../components/icons';
import { ILessons } from '../courses/tokens';
import { NotificationsModel } from './model';
import { NotificationsPage } from './page';
import { NotificationsStatus } from './status';

const COMMAND = 'studyhall:show-notifications';

/** What somebody should know: a message when it comes, and a list of all behind the envelope. */
export const notificationsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'studyhall:notifications',
  description: 'Notifications, such as of released grades.',
  autoStart: true,
  requires: [IClassroom, ILessons],
  optional: [IStatusBar, ICommandPalette, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    classroom: IClassroom,
    lessons: ILessons,
    statusBar: IStatusBar | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null
  ): void => {
    const { trans } = classroom;
    const model = new NotificationsModel(classroom, ({ link }) => {
      if (link.course && link.lesson) {
        void lessons
          .open(link.course, link.lesson)
          .then(() => app.commands.execute('studyhall:show-results'));
      }
    });
    const tracker = new WidgetTracker<MainAreaWidget<NotificationsPage>>({
      namespace: 'studyhall-notifications'
    });
    let page: MainAreaWidget<NotificationsPage> | null = null;

    app.commands.addCommand(COMMAND, {
      label: trans.__('Show Notifications'),
      describedBy: { args: null },
      execute: async () => {
        if (!page || page.isDisposed) {
          page = new MainAreaWidget({ content: new NotificationsPage(model) });
          page.id = 'studyhall-notifications';
          page.title.label = trans.__('Notifications');
          page.title.icon = messageIcon;
          page.title.closable = true;
          app.shell.add(page, 'main');
          await tracker.add(page);
        }
        app.shell.activateById(page.id);
        await model.refresh();
      }
    });
    palette?.addItem({ command: COMMAND, category: trans.__('Studyhall') });
    if (restorer) {
      void restorer.restore(tracker, { command: COMMAND, name: () => 'studyhall-notifications' });
    }
    const status = new NotificationsStatus(model, () => void app.commands.execute(COMMAND));
    statusBar?.registerStatusItem('studyhall:notifications', {
      item: status,
      align: 'left',
      rank: 61,
      isActive: () => model.items !== null,
      activeStateChanged: model.stateChanged
    });
    void app.restored.then(() => model.refresh());
  }
};
