import { Cluster } from "./cluster";

const began = performance.now();
Cluster.ofRing()
  .start()
  .then(() => process.stderr.write(`A cluster is up after ${((performance.now() - began) / 1000).toFixed(1)} s.\n`))
  .catch((error: unknown) => {
    process.stderr.write(
      `The tests' cluster did not start: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    process.exitCode = 1;
  });
