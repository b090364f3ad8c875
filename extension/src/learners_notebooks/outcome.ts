import type { ICell, IError, INotebookContent, IOutput } from '@jupyterlab/nbformat';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { CellEnding, ExecutedCell, SentNotebook } from '../api/learners_notebooks';

type Words = Pick<TranslationBundle, '__'>;

/** A cell that did not end well, in words. */
export interface Failure {
  /** Its place in the notebook, from 0. */
  index: number;
  text: string;
}

/** Only text of it goes out: sources, nbgrader's labels, which kernel, and where it came from. */
export function strippedNotebook(content: INotebookContent): SentNotebook {
  const { kernelspec, studyhall } = content.metadata as Record<string, unknown>;
  return {
    nbformat: 4,
    nbformat_minor: 4,
    metadata: { ...(kernelspec ? { kernelspec } : {}), ...(studyhall ? { studyhall } : {}) },
    cells: content.cells.map(cell => {
      const { nbgrader } = cell.metadata as Record<string, unknown>;
      return {
        cell_type: cell.cell_type,
        source: sourceOf(cell),
        metadata: nbgrader ? { nbgrader } : {}
      };
    })
  };
}

function sourceOf(cell: ICell): string {
  return Array.isArray(cell.source) ? cell.source.join('') : cell.source;
}

/** What an ending means; null for one that its outputs tell by themselves. */
export function wordsOf(ending: CellEnding | null, trans: Words): string | null {
  switch (ending) {
    case 'timed_out':
      return trans.__('This cell did not end in time and was stopped.');
    case 'memory':
      return trans.__('This cell needed more memory than it may and was stopped.');
    case 'died':
      return trans.__('This cell ended the whole program.');
    case 'tampered':
      return trans.__('This cell changed something that its run relies on.');
    case 'not_run':
      return trans.__('This cell did not run: the time for the whole notebook was used up.');
    case null:
      return trans.__('This cell was left out of the run.');
    default:
      return null;
  }
}

function errorOf(outputs: IOutput[]): IError | null {
  return (outputs.find(output => output.output_type === 'error') as IError | undefined) ?? null;
}

/** The cells of a run that did not end well. */
export function failuresOf(
  sent: SentNotebook,
  cells: (ExecutedCell | null)[],
  trans: Words
): Failure[] {
  const failures: Failure[] = [];
  sent.cells.forEach((cell, index) => {
    const ran = cells[index];
    if (!ran || cell.cell_type !== 'code' || !cell.source.trim()) {
      return;
    }
    const said = wordsOf(ran.ending ?? null, trans);
    const error = errorOf(ran.outputs as unknown as IOutput[]);
    if (said) {
      failures.push({ index, text: said });
    } else if (error) {
      failures.push({ index, text: shortened(error) });
    }
  });
  return failures;
}

function shortened({ ename, evalue }: IError): string {
  const text = (evalue ? `${ename}: ${evalue}` : ename).split('\n')[0] ?? '';
  return text.length > 160 ? `${text.slice(0, 159)}…` : text;
}

/** The outputs to show in a cell: the sandbox's, and why it was stopped where they do not say it. */
export function outputsOf(ran: ExecutedCell, trans: Words): IOutput[] {
  const outputs = ran.outputs as unknown as IOutput[];
  const said = ran.ending ? wordsOf(ran.ending, trans) : null;
  if (!said) {
    return outputs;
  }
  const told: IError = {
    output_type: 'error',
    ename: trans.__('Sandbox'),
    evalue: said,
    traceback: [said]
  };
  return [...outputs, told];
}

/** Seconds for people: "0.4 s", "12 s", "2 min 5 s". */
export function duration(seconds: number): string {
  if (seconds > 0 && seconds < 0.1) {
    return '0.1 s';
  }
  if (seconds < 10) {
    return `${Math.round(seconds * 10) / 10} s`;
  }
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** Whether a path alone speaks for a learner's work, where one's own server can't be asked. */
export function looksSubmitted(path: string): boolean {
  return path
    .split('/')
    .slice(0, -1)
    .some(name => name === 'submitted' || name === 'autograded');
}
