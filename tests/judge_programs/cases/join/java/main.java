import java.util.*;

class Solution {
    static String glue(String[] words, String between, long times) {
        List<String> all = new ArrayList<>();
        for (long i = 0; i < times; i++) all.addAll(Arrays.asList(words));
        return String.join(between, all);
    }
}
