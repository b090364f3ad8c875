export function scale(values: number[], factor: number, flip: boolean): number[] {
  const scaled = values.map((value) => value * factor);
  return flip ? scaled.reverse() : scaled;
}
