function twice() {
  require('node:fs').writeSync(3, '{"value":' + '['.repeat(50000) + ']'.repeat(50000) + '}');
  process.exit(0);
}
