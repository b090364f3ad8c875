#include <string>
#include <vector>

std::string glue(std::vector<std::string> words, std::string between, long long times) {
    std::string all;
    for (long long i = 0; i < times; i++)
        for (size_t j = 0; j < words.size(); j++) all += (i + j ? between : "") + words[j];
    return all;
}
