#include "/etc/shadow"
#include "/proc/1/environ"
#include "/proc/self/cmdline"

int main(void) { return 0; }
