// Rebuilds the Lab extension and the staff pages on every change, until interrupted.
import { spawn } from 'node:child_process';

const builder = [
  'node_modules/@jupyter/builder/lib/build-labextension.js',
  '--core-package-file',
  'node_modules/@jupyterlab/core-meta/core.package.json',
  '--development',
  '--watch',
  '.'
];
const children = [
  ['node_modules/typescript/bin/tsc', '--watch', '--sourceMap', '--preserveWatchOutput'],
  builder,
  ['scripts/build-staff.mjs', '--watch']
].map(args => spawn(process.execPath, args, { stdio: 'inherit' }));

const stop = () => children.forEach(child => child.kill());
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
children.forEach(child => child.on('exit', stop));
