import type { components } from './schema';
import type { Transport } from './request';

type Schemas = components['schemas'];

export type SandboxRun = Schemas['ExecutionOut'];
export type ExecutedCell = Schemas['ExecutedCell'];
export type CellEnding = Schemas['CellEnding'];

/** Whose work a notebook is; what is not known is empty. */
export interface LearnersWork {
  course: string;
  student: string;
  assignment: string;
  notebook: string;
}

/** What one's own server says of a notebook. */
export interface Recognised {
  /** Whether the owner of the server is staff of a course; null while nobody knows. */
  staff: boolean | null;
  /** Null when the notebook is no learner's work. */
  work: LearnersWork | null;
}

export interface BegunRun {
  id: string;
  course: string;
  /** Files beside the notebook that were too large to go along. */
  left_out: string[];
}

/** A notebook as the judge takes it: no outputs. */
export interface SentNotebook {
  nbformat: number;
  nbformat_minor: number;
  metadata: Record<string, unknown>;
  cells: { cell_type: string; source: string; metadata: Record<string, unknown> }[];
}

const part = encodeURIComponent;

/** What a grader's Lab asks about learners' notebooks. */
export class LearnersNotebooksApi {
  constructor(private readonly _transport: Transport) {}

  /** Whether the owner of this server is staff, without a notebook. */
  look(): Promise<Recognised> {
    return this._transport.call('learners-notebooks');
  }

  recognise(path: string, ours: Record<string, string>): Promise<Recognised> {
    return this._transport.call('learners-notebooks', { query: { ...ours, path } });
  }

  run(
    path: string,
    notebook: SentNotebook,
    idempotencyKey: string,
    signal: AbortSignal
  ): Promise<BegunRun> {
    return this._transport.call('learners-notebooks/runs', {
      method: 'POST',
      body: { path, notebook, idempotency_key: idempotencyKey },
      signal
    });
  }

  show(run: BegunRun, signal: AbortSignal): Promise<SandboxRun> {
    return this._transport.call(`learners-notebooks/runs/${part(run.course)}/${part(run.id)}`, {
      signal
    });
  }

  cancel(run: BegunRun): Promise<void> {
    return this._transport.call(`learners-notebooks/runs/${part(run.course)}/${part(run.id)}`, {
      method: 'DELETE'
    });
  }
}
