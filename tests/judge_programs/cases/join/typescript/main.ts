type Words = string[];
const glue = (words: Words, between: string, times: number): string => Array(times).fill(words).flat().join(between);
