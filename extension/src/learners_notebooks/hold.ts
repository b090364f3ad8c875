import type { ISessionContext } from '@jupyterlab/apputils';
import type { CommandRegistry } from '@lumino/commands';

/** Lab's own restart goes to this kernel, which no server has, so that it can be told from a person's choice. */
const NO_KERNEL = 'studyhall-held';

/** Lab takes errors of this name for a cell's own and does not show them; what to say is said by the offer. */
export class HeldError extends Error {
  constructor() {
    super('KernelReplyNotOK: this is a learner’s notebook');
    this.name = 'KernelReplyNotOK';
  }
}

export interface HoldActions {
  /** Somebody has tried to run something. */
  offer(): void;
  /** Somebody has chosen a kernel; true when they know what that means. */
  confirm(): Promise<boolean>;
}

type Session = Pick<
  ISessionContext,
  | 'initialize'
  | 'startKernel'
  | 'restartKernel'
  | 'changeKernel'
  | 'kernelPreference'
  | 'prevKernelName'
  | 'session'
  | 'shutdown'
>;

/**
 * Keeps a notebook's session without a kernel until somebody has confirmed one.
 *
 * Lab starts kernels in four ways, all of them methods of the session: on opening, when a cell is run, on restart, and
 * by the person's choice. They are replaced on this one session, so that keys, menus, toolbar and other extensions
 * meet them alike, and a class below that Lab may change is not copied.
 */
export class Hold {
  private _held = false;

  constructor(
    private readonly _session: Session,
    private readonly _actions: HoldActions
  ) {}

  get held(): boolean {
    return this._held;
  }

  hold(): void {
    if (this._held) {
      return;
    }
    this._held = true;
    const session = this._session;
    session.kernelPreference = {
      ...session.kernelPreference,
      shouldStart: false,
      autoStartDefault: false
    };
    const choose = session.changeKernel.bind(session);
    const refuse = (): Promise<never> => {
      this._actions.offer();
      return Promise.reject(new HeldError());
    };
    this._replace('startKernel', refuse);
    this._replace('restartKernel', refuse);
    this._replace('changeKernel', async (options?: Parameters<Session['changeKernel']>[0]) => {
      if (options?.name === NO_KERNEL) {
        return refuse();
      }
      if (!(await this._actions.confirm())) {
        return null;
      }
      this.release();
      return choose(options);
    });
    Object.defineProperty(session, 'prevKernelName', { configurable: true, value: NO_KERNEL });
  }

  /** From here on the session is as any other. */
  release(): void {
    if (!this._held) {
      return;
    }
    this._held = false;
    for (const name of ['startKernel', 'restartKernel', 'changeKernel', 'prevKernelName']) {
      Reflect.deleteProperty(this._session, name);
    }
    this._session.kernelPreference = { ...this._session.kernelPreference, shouldStart: true };
  }

  private _replace<Name extends keyof Session>(name: Name, value: Session[Name]): void {
    Object.defineProperty(this._session, name, { configurable: true, value });
  }
}

/** Has a session wait for a decision before it may start a kernel; the notebook itself is shown meanwhile. */
export function beforeKernel(session: Session, decide: () => Promise<void>): void {
  const usual = session.initialize.bind(session);
  let decided: Promise<void> | null = null;
  session.initialize = async () => {
    decided ??= decide();
    await decided;
    return usual();
  };
}

/** Lab's commands for a console beside a notebook: its kernel is another session's, under the notebook's path. */
const CONSOLES = ['console:create', 'console:open'];

/** Has consoles ask first: none is opened beside a notebook for whose path `isHeld` says so. */
export function beforeConsoles(
  commands: Pick<CommandRegistry, 'execute'>,
  isHeld: (path: string) => Promise<boolean>
): void {
  const usual = commands.execute.bind(commands);
  commands.execute = (id, args) => {
    const path = args?.path;
    return CONSOLES.includes(id) && typeof path === 'string'
      ? isHeld(path).then(held => (held ? null : (usual(id, args) as unknown)))
      : usual(id, args);
  };
}
