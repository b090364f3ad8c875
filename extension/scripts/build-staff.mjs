// Bundles the staff pages (staff/main.tsx and what it imports) into the service's static folder as
// staff.js and staff.css. They run in a plain browser page, so React is bundled with them.
import { build, context } from 'esbuild';

const options = {
  entryPoints: { staff: 'staff/main.tsx' },
  outdir: '../grader/studyhall/web_pages/static',
  bundle: true,
  minify: true,
  sourcemap: false,
  format: 'iife',
  target: 'es2022',
  jsx: 'automatic',
  define: { 'process.env.NODE_ENV': '"production"' },
  legalComments: 'none',
  logLevel: 'info'
};

if (process.argv.includes('--watch')) {
  const running = await context(options);
  await running.watch();
} else {
  await build(options);
}
