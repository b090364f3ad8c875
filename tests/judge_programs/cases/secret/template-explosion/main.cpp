template <int D, class... T> struct Wide : Wide<D - 1, T..., int>, Wide<D - 1, T..., long> {};
template <class... T> struct Wide<0, T...> {};

int main() {
    Wide<24> wide;
    return sizeof wide;
}
