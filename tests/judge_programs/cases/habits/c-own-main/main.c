#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

double *scaled(int *numbers, size_t count, double by, bool *used, size_t flags, char *word, size_t *length) {
    double *all = malloc((count + 1) * sizeof *all);
    *length = 0;
    for (size_t i = 0; i < count; i++) if (used[i]) all[(*length)++] = numbers[i] * by;
    all[(*length)++] = strlen(word);
    return all;
}

int main() {
    size_t length;
    printf("%f", *scaled((int[]){1}, 1, 2, (bool[]){true}, 1, "a", &length));
    return 0;
}
