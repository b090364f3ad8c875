#include <stdlib.h>
#include <string.h>
typedef _Bool bool;

int write, pipe;

static void link(int *one, int *other) { *one += *other; }
int read(int n) { return n; }
int access(int n) { link(&n, &n); return n; }

double *scaled(int *numbers, size_t count, double by, bool *used, size_t flags, char *word, size_t *length) {
    double *all = malloc((count + 1) * sizeof *all);
    *length = 0;
    for (size_t i = 0; i < count; i++) if (used[i]) all[(*length)++] = numbers[i] * by;
    all[(*length)++] = strlen(word);
    return all;
}
