#define _GLIBCXX_DEBUG
#pragma GCC optimize("O3,unroll-loops")
#include <bits/stdc++.h>
using namespace std;

vector<double> scaled(vector<int> numbers, double by, vector<bool> used, string word) {
    vector<double> all;
    for (int i = 0; i < (int)numbers.size(); i++) if (used[i]) all.push_back(numbers[i] * by);
    all.push_back(word.size());
    return all;
}

int main() {
    ios::sync_with_stdio(false);
    cout << scaled({1}, 2, {true}, "a")[0] << endl;
}
