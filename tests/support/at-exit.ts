const works = new Set<() => void>();

/**
 * Has something done when this test process ends: at its regular end, by Ctrl-C, or because the process that hands out the
 * test files is gone. The newest is done first.
 *
 * @param work - synchronous, since the process is ending
 * @returns takes it back
 */
export function atExit(work: () => void): () => void {
  listen();
  works.add(work);
  return () => works.delete(work);
}

let listening = false;

function listen(): void {
  if (listening) return;
  listening = true;
  // A test that plays Ctrl-C by `process.emit` gives no name.
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.on(signal, (name?: NodeJS.Signals) => (name === undefined ? undefined : process.exit(1)));
  process.once("exit", () => {
    // mocha gives a worker one second to end, then sends it SIGTERM: a database server needs longer on a busy machine.
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.removeAllListeners(signal).on(signal, () => undefined);
    for (const work of [...works].reverse())
      try {
        work();
      } catch (error) {
        process.stderr.write(`cleaning up after the tests: ${String(error)}\n`);
      }
  });
}
