/** What a review looks at, the most important first; the database keeps no order. */
const ORDER = ['correctness', 'efficiency', 'code_quality', 'best_practices', 'security'];

function rank(name: string): number {
  const found = ORDER.indexOf(name);
  return found < 0 ? ORDER.length : found;
}

/** A review's dimensions in the order in which they are always shown; unknown ones come last, by name. */
export function inOrder(dimensions: Record<string, number>): [string, number][] {
  return Object.entries(dimensions).sort(
    ([one], [other]) => rank(one) - rank(other) || one.localeCompare(other)
  );
}
