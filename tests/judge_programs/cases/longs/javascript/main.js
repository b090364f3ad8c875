function nextOdd(numbers, step) {
  const sums = numbers.map((number) => BigInt(number) + BigInt(step));
  return sums.map((sum) => (sum < 100n ? Number(sum) : sum));
}
