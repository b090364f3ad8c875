function twice() {
  process.exit(0);
}
