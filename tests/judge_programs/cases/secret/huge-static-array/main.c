char huge[1L << 34] = {1};

int main(void) { return huge[0]; }
