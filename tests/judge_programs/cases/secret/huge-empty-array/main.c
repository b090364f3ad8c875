#include <stdio.h>

char huge[1L << 30];

int main(void) {
    for (long i = 0; i < 1L << 30; i += 4096) huge[i] = 1;
    puts("x");
}
