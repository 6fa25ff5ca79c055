import { readFileSync } from "node:fs";
import { join } from "node:path";

import { MissingBinaryError } from "../postgres/binaries";
import { createInstallation, type Fingerprint, fingerprint, startRelease } from "./installation";
import {
  installationFolder,
  prepareSite,
  removeEarlierTour,
  shown,
  stopEverything,
  tourFolder,
  tourStack,
} from "./tour-site";
import { BrokenClaim, chapter, claim, octollm, phasesOnly, planOnly, say } from "./tour-steps";

const stack = ["--stack", tourStack];
const env = () => readFileSync(join(installationFolder, ".env"));

/** What was there before the upgrade, to compare with afterwards. */
interface Before {
  readonly data: Fingerprint;
  readonly env: Buffer;
  readonly databaseUrl: string;
  readonly port: number;
}

async function setUp(): Promise<Before> {
  chapter("1. An OctoLLM 0.1.0, as an operator has it");
  const { port, databaseUrl } = await prepareSite();
  await createInstallation({ folder: installationFolder, databaseUrl, port });
  await startRelease({ folder: installationFolder, release: "0.1.0", port });
  const data = await fingerprint(databaseUrl);
  say(
    `In ${shown(tourFolder)}/: a private PostgreSQL, an edited .env, and OctoLLM 0.1.0`,
    `on port ${port}, started by hand.`,
  );
  claim(
    `${data.tasks.toLocaleString("en")} tasks with priorities from 1 to 5 are in its database`,
    data.tasks === 20_000,
  );
  claim("GET /tasks answers", (await status(port, "/tasks?limit=1")) === 200);
  return { data, env: env(), databaseUrl, port };
}

async function adopt(before: Before): Promise<void> {
  chapter("2. Adopting it changes nothing");
  await octollm(["adopt", ...stack, "--installation", shown(installationFolder)]);
  await octollm(["up", "--yes", "--skip-preview", ...stack], phasesOnly);
  claim("every task is as it was", same(before.data, await fingerprint(before.databaseUrl)));
  claim("every byte of .env is as it was", env().equals(before.env));
}

async function upgrade({ data, databaseUrl, port }: Before): Promise<void> {
  chapter("3. One value is the upgrade, and preview shows all of it");
  await octollm(["config", "set", "version", "1.0.0", ...stack]);
  await octollm(["preview", ...stack], planOnly);
  say("", "'preview --diff' shows every line of SQL and of .env. Clients are ready:");
  await octollm(["config", "set", "acceptBreaking", "1.0.0", ...stack]);
  chapter("4. The upgrade");
  await octollm(["up", "--yes", "--skip-preview", ...stack], phasesOnly);
  const [task] = await tasks(port, "/api/v1/tasks?limit=1");
  const now = await fingerprint(databaseUrl);
  claim(`GET /api/v1/tasks answers with a task of priority ${task?.priority}`, task !== undefined);
  claim(
    "the old path /tasks and /execute are gone",
    (await status(port, "/tasks")) === 404 && (await status(port, "/execute")) === 404,
  );
  claim("every priority is doubled, no task is missing", isDoubled(data, now));
  const output = await octollm(["preview", "--expect-no-changes", ...stack], planOnly);
  claim("a second preview has nothing to do", output.includes("unchanged"));
}

async function rollBack({ data, env: original, databaseUrl, port }: Before): Promise<void> {
  chapter("5. The old value is the way back");
  await octollm(["config", "set", "version", "0.1.0", ...stack]);
  await octollm(["up", "--yes", "--skip-preview", ...stack], phasesOnly);
  claim("GET /tasks answers again", (await status(port, "/tasks?limit=1")) === 200);
  claim("every column of every task is as it was before the upgrade", same(data, await fingerprint(databaseUrl)));
  claim("every byte of .env is as it was before the upgrade", env().equals(original));
}

function farewell(kept: boolean): void {
  chapter("What is left, and what to try next");
  say(
    `State     .pulumi/, settings Pulumi.${tourStack}.yaml`,
    `Backups   ${shown(join(installationFolder, "backups"))}/, one per upgrade and way back`,
    "",
    ...(kept
      ? [
          "Everything still runs. Try:",
          `  npx octollm status --stack ${tourStack}`,
          `  npx octollm config set version 0.2.0 --stack ${tourStack}`,
          `  npx octollm preview --diff --stack ${tourStack}`,
          "and end it with:  npm start -- --stop",
        ]
      : ["Everything was stopped again. To have it kept running, for commands of your own:", "  npm start -- --keep"]),
  );
}

async function status(port: number, path: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  await response.arrayBuffer();
  return response.status;
}

interface Task {
  readonly priority: number;
}

async function tasks(port: number, path: string): Promise<Task[]> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return ((await response.json()) as { tasks: Task[] }).tasks;
}

function same(before: Fingerprint, now: Fingerprint): boolean {
  return before.tasksMd5 === now.tasksMd5 && before.tasks === now.tasks && before.history === now.history;
}

function isDoubled(before: Fingerprint, now: Fingerprint): boolean {
  const doubled = Object.entries(before.priorities).every(
    ([priority, count]) => now.priorities[String(2 * Number(priority))] === count,
  );
  return (
    doubled &&
    Object.keys(now.priorities).length === Object.keys(before.priorities).length &&
    now.tasks === before.tasks
  );
}

async function tour(keep: boolean): Promise<void> {
  const started = Date.now();
  await removeEarlierTour();
  try {
    const before = await setUp();
    await adopt(before);
    await upgrade(before);
    await rollBack(before);
  } catch (error) {
    await stopEverything();
    throw error;
  }
  if (!keep) await stopEverything();
  farewell(keep);
  say("", `The tour took ${Math.round((Date.now() - started) / 1000)} s; each ✓ above was checked.`);
}

async function main(argv: readonly string[]): Promise<void> {
  if (argv.includes("--stop")) await removeEarlierTour();
  else await tour(argv.includes("--keep"));
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const known = error instanceof BrokenClaim || error instanceof MissingBinaryError;
  process.stderr.write(`\n${known ? error.message : String(error instanceof Error ? error.stack : error)}\n`);
  process.exitCode = 1;
});
