import java.util.ArrayList;
import java.util.Scanner;

public class Main {
    static int deep(int n) {
        return 1 + deep(n + 1);
    }

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        switch (in.next()) {
            case "answer" -> System.out.println(in.nextInt() + in.nextInt());
            case "wrong" -> System.out.println(41);
            case "loop" -> {
                for (long i = 0; ; i++) if (i == -1) return;
            }
            case "memory" -> {
                ArrayList<int[]> kept = new ArrayList<>();
                while (true) kept.add(new int[100_000]);
            }
            case "crash" -> System.out.println(new int[0].clone()[1]);
            default -> System.out.println(deep(0));
        }
    }
}
