function give(what: string) {
  return { nothing: null, nan: 0 / 0, infinite: [1 / 0], big: 1n }[what];
}
