import { Signal } from '@lumino/signaling';
import { nullTranslator } from '@jupyterlab/translation';

import type { ClassroomEvent } from '../src/api/events';
import type { IClassroom } from '../src/classroom/tokens';

interface Question {
  name: string;
  asked: unknown[];
  answer: (value: unknown) => void;
  refuse: (reason: unknown) => void;
}

/** Lets everything that is ready run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) {
    await new Promise<void>(resolve => {
      setImmediate(resolve);
    });
  }
}

/** A classroom whose answers and events a test gives in the order that it is about. */
export class ClassroomByHand {
  readonly classroom: IClassroom;
  /** Every question so far that has no answer yet, the oldest first. */
  readonly open: Question[] = [];
  private readonly _received = new Signal<object, ClassroomEvent>(this);
  private readonly _refreshNeeded = new Signal<object, void>(this);

  constructor() {
    Object.assign(globalThis, { window: globalThis });
    const api = new Proxy(
      {},
      {
        get:
          (_, name) =>
          (...asked: unknown[]): Promise<unknown> =>
            new Promise((answer, refuse) => {
              this.open.push({ name: String(name), asked, answer, refuse });
            })
      }
    );
    const classroom = {
      api,
      events: {
        received: this._received,
        refreshNeeded: this._refreshNeeded,
        connectionChanged: new Signal<object, void>(this),
        connection: 'live'
      },
      changed: new Signal<object, void>(this),
      trans: nullTranslator.load('studyhall'),
      preferences: { celebrate: false }
    };
    this.classroom = classroom as unknown as IClassroom;
  }

  get waiting(): string[] {
    return this.open.map(({ name }) => name);
  }

  /** Takes the oldest open question of that name out of the list, to be answered whenever the test likes. */
  question(name: string): Question {
    const at = this.open.findIndex(question => question.name === name);
    const [found] = at < 0 ? [] : this.open.splice(at, 1);
    if (!found) {
      throw new Error(`Nobody asks for ${name}; open: ${this.waiting.join(', ')}`);
    }
    return found;
  }

  /** Answers the oldest open question of that name. */
  async answer(name: string, value: unknown): Promise<void> {
    this.question(name).answer(value);
    await settle();
  }

  async tell(name: ClassroomEvent['name'], data: unknown): Promise<void> {
    this._received.emit({ name, data } as ClassroomEvent);
    await settle();
  }

  async needRefresh(): Promise<void> {
    this._refreshNeeded.emit();
    await settle();
  }
}
