export default (numbers, by, used, word) => {
  const all = Array.from(numbers).filter((_, n) => used[n]).map((one) => one * by);
  return [...all, word.length];
};
