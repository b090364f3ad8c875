template <int N> struct Deep {
    static const int value = Deep<N - 1>::value + Deep<N - 2>::value;
};

int main() {
    return Deep<1000000>::value;
}
