function scaled(numbers, by, used, word) {
  const all = Array.from(numbers).filter((_, n) => used[n]).map((one) => one * by);
  return Float64Array.of(...all, word.length);
}
