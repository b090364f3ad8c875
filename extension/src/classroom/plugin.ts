import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';

import { EventsClient } from '../api/events';
import { LearnerApi } from '../api/learner';
import { Transport } from '../api/request';
import { browserTimeZone, usableLocale } from './times';
import { IClassroom, type Preferences } from './tokens';

class Classroom implements IClassroom {
  readonly api: LearnerApi;
  readonly events: EventsClient;
  readonly changed: Signal<IClassroom, void> = new Signal<IClassroom, void>(this);
  preferences: Preferences = { celebrate: true };
  readonly timeZone = browserTimeZone();

  constructor(
    transport: Transport,
    readonly trans: TranslationBundle,
    readonly locale: string
  ) {
    this.api = new LearnerApi(transport);
    this.events = new EventsClient(transport);
  }

  /** Tells the service the learner's zone, so that their days and streaks end at their own midnight. */
  async tellTimeZone(): Promise<void> {
    try {
      const me = await this.api.me();
      if (me.timezone !== this.timeZone) {
        await this.api.setTimezone(this.timeZone);
      }
    } catch {
      // It is told again at the next start, and the outline says when the classroom is away.
    }
  }

  readSettings(settings: ISettingRegistry.ISettings): void {
    this.preferences = { celebrate: settings.composite.celebrate !== false };
    this.changed.emit();
  }
}

/** Connects to the classroom, once for all the other plugins. */
export const classroomPlugin: JupyterFrontEndPlugin<IClassroom> = {
  id: 'studyhall:plugin',
  description: 'Connects JupyterLab to the classroom.',
  autoStart: true,
  provides: IClassroom,
  optional: [ITranslator, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    translator: ITranslator | null,
    settingRegistry: ISettingRegistry | null
  ): IClassroom => {
    const trans = (translator ?? nullTranslator).load('studyhall');
    const transport = new Transport(app.serviceManager.serverSettings, trans);
    const locale = usableLocale(translator?.languageCode ?? 'en');
    const classroom = new Classroom(transport, trans, locale);

    void app.restored.then(() => {
      classroom.events.start();
      void classroom.tellTimeZone();
    });
    if (settingRegistry) {
      void settingRegistry.load('studyhall:plugin').then(settings => {
        classroom.readSettings(settings);
        settings.changed.connect(changed => classroom.readSettings(changed));
      });
    }
    return classroom;
  }
};
