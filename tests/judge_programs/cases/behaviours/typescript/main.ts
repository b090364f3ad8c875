import * as fs from "node:fs";

enum Word { Answer = "answer", Wrong = "wrong", Loop = "loop", Memory = "memory", Crash = "crash" }

const [word, ...numbers]: string[] = fs.readFileSync(0, "utf8").trim().split(" ");
const deep = (n: number): number => 1 + deep(n + 1);
if (word === Word.Answer) console.log(numbers.map(Number).reduce((a: number, b: number) => a + b));
else if (word === Word.Wrong) console.log(41);
else if (word === Word.Loop) for (;;);
else if (word === Word.Memory) {
  const kept: number[][] = [];
  for (;;) kept.push(new Array<number>(1000).fill(kept.length + 0.5));
} else if (word === Word.Crash) throw new Error("as asked");
else deep(0);
