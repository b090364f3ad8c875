class Solution {
    String glue(String[] words, String between, long times) {
        return null;
    }
}
