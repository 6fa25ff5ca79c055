import { startInstallation } from "../tests/docker/support/installation";
import { DockerStack } from "../tests/docker/support/stack";
import { CountingClient } from "../tests/support/counting-client";
import { findAlembic } from "./alembic-project";
import { type Stopping, upgradeByGuide } from "./docker-guide";
import { median, table } from "./measure";
import { describeLoad, downtimeOf, type Seen, takeTurns, watch } from "./watch";

const tasks = Number(process.env.OCTOLLM_BENCH_TASKS ?? 100_000);
const rounds = Number(process.env.OCTOLLM_BENCH_ROUNDS ?? 2);

async function ours(early: boolean): Promise<Seen> {
  const stack = await DockerStack.adopted("standalone", { tasks });
  try {
    stack.wants("1.0.0");
    stack.set({ backup: { early } });
    return await watch(stack.octollm, () => stack.up());
  } finally {
    await stack.remove();
  }
}

async function byGuide(stopping: Stopping, alembic: string): Promise<Seen> {
  const octollm = await startInstallation({ tasks });
  try {
    return await watch(octollm, () => upgradeByGuide(octollm, { stopping, alembic }));
  } finally {
    await octollm.remove();
  }
}

const own = "octollm up";
const ownEarly = "octollm up, with backup.early and nobody writing";

/** Every way takes turns, on installations of its own. */
async function benchDowntime(): Promise<string> {
  const alembic = await findAlembic();
  if (alembic === null) throw new Error("The guide's steps need Alembic: name it by OCTOLLM_ALEMBIC.");
  const ways = {
    [own]: () => ours(false),
    [ownEarly]: () => ours(true),
    "the guide, stores left running (compose stop)": () => byGuide("stop", alembic),
    "the guide to the letter (compose down)": () => byGuide("down", alembic),
  };
  const seen = await takeTurns(ways, rounds);
  const down = (name: string) => downtimeOf(seen, name);
  const rows = [...seen].map(([name, runs]) => [
    name,
    runs.map(({ downtime }) => `${downtime.toFixed(1)} s`).join(", "),
    runs.map(({ failed, sent }) => `${failed} of ${sent}`).join(", "),
    `${median(runs.map(({ whole }) => whole)).toFixed(1)} s`,
    `${(down(own) / down(name)).toFixed(2)}x`,
    `${(down(ownEarly) / down(name)).toFixed(2)}x`,
  ]);
  return table(["way", "downtime", "failed requests", "whole", "ours of it", "with backup.early"], rows);
}

/** A minor release: on the orchestrator's own port, or behind a proxy that holds and retries. */
async function benchMinor(front: boolean): Promise<string[]> {
  const stack = await DockerStack.adopted("standalone", { tasks, front });
  try {
    stack.wants("0.2.0");
    const url = `${stack.octollm.orchestrator}/tasks`;
    const readers = new CountingClient(`${url}?limit=1`, { timeout: 20_000 });
    const writers = new CountingClient(url, { timeout: 20_000, body: { description: "while it rolls" } });
    await stack.up();
    const [read, written] = [await readers.stop(), await writers.stop()];
    const [found] = await stack.octollm.sql<{ there: number }>(
      "SELECT count(*)::integer AS there FROM tasks WHERE id = ANY ($1)",
      [written.created],
    );
    return [
      front ? "behind a proxy that holds and retries" : "on the orchestrator's own published port",
      `${read.failed.length} of ${read.sent}`,
      `${written.failed.length} of ${written.sent}`,
      `${written.created.length - (found?.there ?? 0)}`,
      `${(Math.max(read.downtime, written.downtime) / 1000).toFixed(2)} s`,
      `${(Math.max(read.slowest, written.slowest) / 1000).toFixed(2)} s`,
    ];
  } finally {
    await stack.remove();
  }
}

async function main(): Promise<void> {
  const started = describeLoad();
  process.stdout.write(`\n## OctoLLM on Docker, ${tasks} tasks\n\n### 0.1.0 -> 1.0.0\n\n${await benchDowntime()}\n`);
  const head = ["0.1.0 -> 0.2.0", "failed GET", "failed POST", "tasks lost", "longest gap", "slowest answer"];
  const minor = [await benchMinor(true), await benchMinor(false)];
  process.stdout.write(
    `\n### 0.1.0 -> 0.2.0\n\n${table(head, minor)}\n\nLoad average: ${started} to ${describeLoad()}.\n`,
  );
}

main().then(
  // dockerd ends with the ring.
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
