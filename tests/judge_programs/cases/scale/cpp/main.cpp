#include <algorithm>
#include <vector>
using namespace std;

vector<double> scale(const vector<double> &values, int factor, bool flip) {
    vector<double> scaled;
    for (double value : values) scaled.push_back(value * factor);
    if (flip) reverse(scaled.begin(), scaled.end());
    return scaled;
}
