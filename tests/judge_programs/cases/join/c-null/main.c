#include <stddef.h>

char *glue(char **words, size_t length, char *between, long long times) {
    return NULL;
}
