#include <stdlib.h>
#include <string.h>

char *glue(char **words, size_t count, char *between, long long times) {
    char *all = calloc(10000, 1);
    for (long long i = 0; i < times; i++)
        for (size_t j = 0; j < count; j++) {
            if (i || j) strcat(all, between);
            strcat(all, words[j]);
        }
    return all;
}
