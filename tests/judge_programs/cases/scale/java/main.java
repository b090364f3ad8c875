class Solution {
    public double[] scale(double[] values, int factor, boolean flip) {
        System.out.println("a print disturbs nothing");
        double[] scaled = new double[values.length];
        for (int i = 0; i < values.length; i++)
            scaled[flip ? values.length - 1 - i : i] = values[i] * factor;
        return scaled;
    }
}
