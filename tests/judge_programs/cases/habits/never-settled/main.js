async function scaled() {
  await new Promise(() => {});
}
