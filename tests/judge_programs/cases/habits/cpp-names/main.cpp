#include <string>
#include <vector>
using std::string, std::vector;

int read, write, link[100], next, words, y1, step;

int pause() { return 0; }
double index(double) { return 0; }

vector<double> scaled(vector<int> numbers, double by, vector<bool> used, string word) {
    vector<double> all;
    for (int i = 0; i < (int)numbers.size(); i++) if (used[i]) all.push_back(numbers[i] * by);
    all.push_back(word.size());
    return all;
}
