// Reading Python source and tracebacks as text.

/** Whether a source holds nothing that runs. */
export function isBlank(source: string): boolean {
  return source.split('\n').every(line => line.trim() === '' || line.trim().startsWith('#'));
}

const ASKS_NOTHING =
  /^\s*(#.*|import\s.*|from\s+\S+\s+import\s.*|\w+\s*=\s*check\.partial\(\).*|\w+\.points\(.*\).*)?$/;

/**
 * Whether a released test cell asks nothing of the learner any more: its tests were hidden, and what
 * is left of them are comments, imports and the frame of a driven test.
 */
export function asksNothing(source: string): boolean {
  return source.split('\n').every(line => ASKS_NOTHING.test(line));
}

const ESCAPES = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

/** The source line that a traceback's arrow points to; empty when there is none. */
export function failingLine(traceback: string[]): string {
  const arrows = traceback
    .join('\n')
    .replace(ESCAPES, '')
    .split('\n')
    .map(line => /^-+>\s*\d+\s?(.*)$/.exec(line)?.[1])
    .filter(line => line !== undefined);
  // The last frame is where it happened, inside the learner's own function.
  return arrows.at(-1)?.trim() ?? '';
}
