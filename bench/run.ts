import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createInstallation, startRelease } from "../demo/installation";
import { freePort, makeReachable, PrivatePostgres } from "../demo/private-postgres";
import { benchBackups } from "./backups";
import { benchEngines, benchPhases } from "./engines";
import { benchGenerated } from "./generated";
import { benchLoader } from "./loader";
import { seconds } from "./measure";
import { octollm } from "./octollm";
import { benchPriorityChange } from "./priority-change";

const stack = "bench";
const rounds = 5;

function report(title: string, body: string): void {
  process.stdout.write(`\n## ${title}\n\n${body}\n`);
}

/** All figures, on an installation of their own; everything is removed again. */
async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "octollm-bench-"));
  makeReachable(folder);
  const server = await PrivatePostgres.create(join(folder, "postgres"), {
    shared_buffers: "512MB",
    max_wal_size: "4GB",
  });
  try {
    report("Loading TypeScript", await benchLoader(folder, rounds));
    await benchProgram(folder, server);
    const megabytes = process.env.OCTOLLM_SOAK ? [100, 1000] : [100];
    for (const size of megabytes)
      report("Backup and restore", await benchBackups(server, folder, { megabytes: size, rounds: size > 100 ? 1 : 3 }));
    report("Generated resources: both engines", await benchGenerated(3));
    report(
      "The priority change",
      await benchPriorityChange(server, [10_000, 100_000, 1_000_000, 3_000_000], (rows) => (rows > 100_000 ? 1 : 3)),
    );
  } finally {
    server.destroy();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function benchProgram(folder: string, server: PrivatePostgres): Promise<void> {
  const installation = join(folder, "octollm");
  const port = await freePort();
  server.createDatabase("octollm");
  await createInstallation({ folder: installation, databaseUrl: server.url("octollm"), port });
  await startRelease({ folder: installation, release: "0.1.0", port });
  try {
    await octollm(["adopt", "--stack", stack, "--installation", installation], folder);
    const adoption = await seconds(() =>
      octollm(["up", "--yes", "--skip-preview", "--stack", stack, "--engine", "standalone"], folder),
    );
    report("Nothing to do", await benchEngines(stack, folder, rounds));
    report(`The parts of an upgrade (adoption: ${adoption.toFixed(1)} s in all)`, await benchPhases(stack, folder));
  } finally {
    // destroy ends what the stack started; after the way back that is everything that runs.
    await octollm(["destroy", "--yes", "--stack", stack, "--engine", "standalone"], folder);
    await octollm(["stack", "rm", "--yes", "--stack", stack, "--engine", "standalone"], folder);
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
