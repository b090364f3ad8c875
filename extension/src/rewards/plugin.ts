import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { IStatusBar } from '@jupyterlab/statusbar';

import { IClassroom } from '../classroom/tokens';
import { rewardsIcon } from '../components/icons';
import { RewardsModel } from './model';
import { RewardsPage } from './page';
import { RewardsStatus } from './status';

const COMMAND = 'studyhall:show-rewards';

/** Streak, level and leaderboard. */
export const rewardsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'studyhall:rewards',
  description: 'XP, level and streak in the status bar, and their page.',
  autoStart: true,
  requires: [IClassroom],
  optional: [IStatusBar, ICommandPalette, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    classroom: IClassroom,
    statusBar: IStatusBar | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null
  ): void => {
    const { trans } = classroom;
    const model = new RewardsModel(classroom);
    const tracker = new WidgetTracker<MainAreaWidget<RewardsPage>>({
      namespace: 'studyhall-rewards'
    });
    let page: MainAreaWidget<RewardsPage> | null = null;

    app.commands.addCommand(COMMAND, {
      label: trans.__('Show Rewards'),
      describedBy: { args: null },
      isVisible: () => model.enabled,
      execute: async () => {
        if (!page || page.isDisposed) {
          page = new MainAreaWidget({ content: new RewardsPage(model) });
          page.id = 'studyhall-rewards';
          page.title.label = trans.__('Rewards');
          page.title.icon = rewardsIcon;
          page.title.closable = true;
          app.shell.add(page, 'main');
          await tracker.add(page);
        }
        app.shell.activateById(page.id);
        await model.openPage();
      }
    });
    palette?.addItem({ command: COMMAND, category: trans.__('Studyhall') });
    if (restorer) {
      void restorer.restore(tracker, { command: COMMAND, name: () => 'studyhall-rewards' });
    }
    const status = new RewardsStatus(model, () => void app.commands.execute(COMMAND));
    statusBar?.registerStatusItem('studyhall:rewards', {
      item: status,
      align: 'left',
      rank: 60,
      isActive: () => model.profile !== null,
      activeStateChanged: model.stateChanged
    });
    void app.restored.then(() => model.refresh());
  }
};
