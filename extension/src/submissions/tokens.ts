import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';

import type { Attempt } from '../api/types';

/** What the other plugins may ask of submissions. */
export interface ISubmissions {
  /** The attempt that the result panel shows. */
  readonly shown: Attempt | null;
  readonly changed: ISignal<ISubmissions, void>;
}

export const ISubmissions = new Token<ISubmissions>(
  'studyhall:ISubmissions',
  'The attempts at the current lesson, and which of them is shown.'
);
