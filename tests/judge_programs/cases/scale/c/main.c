#include <stdbool.h>
#include <stdlib.h>

double *scale(double *values, size_t count, int factor, bool flip, size_t *result_count) {
    double *scaled = malloc(sizeof(double) * (count + 1));
    for (size_t i = 0; i < count; i++) scaled[flip ? count - 1 - i : i] = values[i] * factor;
    *result_count = count;
    return scaled;
}
