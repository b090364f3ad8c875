#include <stdio.h>
#include <stdlib.h>
#include <string.h>

volatile int sink;

static int deep(int n) {
    volatile char frame[1000];
    frame[n % 1000] = 1;
    return deep(n + 1) + frame[0];
}

int main(void) {
    char word[20];
    int a, b;
    if (scanf("%19s", word) != 1) return 9;
    if (!strcmp(word, "answer") && scanf("%d %d", &a, &b) == 2) printf("%d\n", a + b);
    else if (!strcmp(word, "wrong")) puts("41");
    else if (!strcmp(word, "loop")) for (;;) sink++;
    else if (!strcmp(word, "memory")) for (;;) {
        char *kept = malloc(1 << 20);
        memset(kept, 1, 1 << 20);
        sink = kept[7];
    }
    else if (!strcmp(word, "crash")) *(volatile int *)0 = 1;
    else printf("%d", deep(0));
    return 0;
}
