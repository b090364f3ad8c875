function nextOdd(numbers: (number | bigint)[], step: number | bigint): (number | bigint)[] {
  const sums = numbers.map((number) => BigInt(number) + BigInt(step));
  return sums.map((sum) => (sum < 100n ? Number(sum) : sum));
}
