#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(void) {
    unlink("out/program");
    int file = open("out/program", O_CREAT | O_WRONLY, 0755);
    dprintf(file, "#!/bin/sh\necho dirty\n");
    close(file);
    puts("clean");
}
