#include <unistd.h>

int twice(int n) {
    for (;;) if (write(3, "1111111111111111", 16) < 0) return n;
}
