class Solution {
    static long[] nextOdd(long[] numbers, long step) {
        long[] sums = new long[numbers.length];
        for (int i = 0; i < numbers.length; i++) sums[i] = numbers[i] + step;
        return sums;
    }
}
