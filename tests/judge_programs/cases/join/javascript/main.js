const glue = async (words, between, times) => Array(times).fill(words).flat().join(between);
