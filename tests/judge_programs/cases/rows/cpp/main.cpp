#include <vector>

std::vector<long long> total(std::vector<std::vector<int>> &rows) {
    std::vector<long long> sums;
    for (auto &row : rows) {
        sums.push_back(0);
        for (int one : row) sums.back() += one;
    }
    return sums;
}
