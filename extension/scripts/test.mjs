// Bundles tests/*.test.ts with esbuild into lib/tests and runs them with Node's own test runner.
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { build } from 'esbuild';

const outdir = 'lib/tests';
rmSync(outdir, { recursive: true, force: true });

/** The parts of Lab that need a browser as soon as they are loaded, in as far as models use them. */
const labWithoutBrowser = {
  name: 'lab-without-browser',
  setup: ({ onResolve }) =>
    onResolve(
      { filter: /^@jupyterlab\/(apputils|cells|notebook|ui-components)$/ },
      ({ importer }) =>
        importer.startsWith(resolve('src'))
          ? { path: resolve('tests/lab_without_browser.ts') }
          : null
    )
};

const names = readdirSync('tests').filter(name => /\.test\.tsx?$/.test(name));
await build({
  entryPoints: names.map(name => `tests/${name}`),
  outdir,
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  jsx: 'automatic',
  plugins: [labWithoutBrowser],
  sourcemap: 'inline',
  logLevel: 'warning'
});
const files = names.map(name => `${outdir}/${name.replace(/\.tsx?$/, '.cjs')}`);
const result = spawnSync(process.execPath, ['--test', '--enable-source-maps', ...files], {
  stdio: 'inherit'
});
process.exit(result.status ?? 1);
