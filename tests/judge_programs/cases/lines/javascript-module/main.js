import process from 'node:process';

await 0;
process.stdout.write('a b\nc');
