function scale(values, factor, flip) {
  console.log('a print disturbs nothing');
  const scaled = values.map((value) => value * factor);
  return flip ? scaled.reverse() : scaled;
}
