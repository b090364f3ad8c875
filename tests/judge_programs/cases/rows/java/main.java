class Solution {
    long[] total(int[][] rows) {
        long[] sums = new long[rows.length];
        for (int i = 0; i < rows.length; i++) for (int one : rows[i]) sums[i] += one;
        return sums;
    }
}
