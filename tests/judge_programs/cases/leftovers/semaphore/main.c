#include <stdio.h>
#include <sys/ipc.h>
#include <sys/sem.h>

int main(void) {
    int made = semget(4711, 1, IPC_CREAT | IPC_EXCL | 0600);
    puts(made >= 0 ? "clean" : "dirty");
    return 0;
}
