import process from 'node:process';

const text: string = await Promise.resolve('a b\nc');
process.stdout.write(text);
