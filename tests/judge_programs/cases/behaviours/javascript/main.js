const [word, ...numbers] = require("node:fs").readFileSync(0, "utf8").trim().split(" ");
const deep = (n) => 1 + deep(n + 1);
if (word === "answer") console.log(numbers.map(Number).reduce((a, b) => a + b));
else if (word === "wrong") console.log(41);
else if (word === "loop") for (;;);
else if (word === "memory") {
  const kept = [];
  for (;;) kept.push(new Array(1000).fill(kept.length + 0.5));
} else if (word === "crash") null.length;
else deep(0);
