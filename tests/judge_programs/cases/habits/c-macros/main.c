#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#define int long long
#define size studyhall
#define text 1
#define i first
#define value(x) x

double *scaled(int *numbers, size_t count, double by, bool *used, size_t flags, char *word, size_t *length) {
    double *all = malloc((count + 1) * sizeof *all);
    *length = 0;
    for (size_t i = 0; i < count; i++) if (used[i]) all[(*length)++] = numbers[i] * by;
    all[(*length)++] = strlen(word);
    return all;
}
