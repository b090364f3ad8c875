import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { EventsClient } from '../api/events';
import type { LearnerApi } from '../api/learner';

/** What a learner can switch in Lab's settings. */
export interface Preferences {
  /** Show a message when a level is reached. */
  celebrate: boolean;
}

/** The connection to the classroom that all of Studyhall's plugins share. */
export interface IClassroom {
  readonly api: LearnerApi;
  readonly events: EventsClient;
  readonly trans: TranslationBundle;
  /** The language of dates and numbers, as Intl names it. */
  readonly locale: string;
  /** The learner's zone, by IANA's name. */
  readonly timeZone: string;
  readonly preferences: Preferences;
  /** The preferences changed. */
  readonly changed: ISignal<IClassroom, void>;
}

export const IClassroom = new Token<IClassroom>(
  'studyhall:IClassroom',
  'The connection to the classroom, shared by all of Studyhall’s plugins.'
);
