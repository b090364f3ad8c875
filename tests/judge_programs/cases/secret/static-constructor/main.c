#include <stdio.h>
#include <unistd.h>

__attribute__((constructor)) static void early(void) {
    puts("accepted");
    fflush(stdout);
    _exit(0);
}

int main(void) {
    for (;;);
}
