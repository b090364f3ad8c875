#include <stdio.h>

int main(void) {
    for (;;) puts("CANARY-SHOWN-552");
}
