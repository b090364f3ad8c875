#include <string>
#include <vector>
using namespace std;
#define int long long
#define double long double
#define read(x) cin >> x
#define write(x) cout << x
#define for if (0); else for
#define first 1
#define text 2
#define T 3
#define out 4

vector<double> scaled(vector<int> &numbers, double by, const vector<bool> &used, string word) {
    vector<double> all;
    for (int i = 0; i < (int)numbers.size(); i++) if (used[i]) all.push_back(numbers[i] * by);
    all.push_back(word.size());
    return all;
}
