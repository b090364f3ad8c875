#include <cstring>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

volatile int sink;

int deep(int n) {
    volatile char frame[1000];
    frame[n % 1000] = 1;
    return deep(n + 1) + frame[0];
}

int main() {
    std::string word;
    std::cin >> word;
    if (word == "answer") {
        int a, b;
        std::cin >> a >> b;
        std::cout << a + b << "\n";
    } else if (word == "wrong") {
        std::cout << 41 << "\n";
    } else if (word == "loop") {
        for (;;) sink++;
    } else if (word == "memory") {
        std::vector<char *> kept;
        for (;;) {
            kept.push_back(new char[1 << 20]);
            std::memset(kept.back(), 1, 1 << 20);
            sink = kept.back()[7];
        }
    } else if (word == "crash") {
        throw std::runtime_error("as asked");
    } else {
        std::cout << deep(0);
    }
}
