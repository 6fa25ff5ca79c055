import { startInstallation } from "../tests/kubernetes/support/installation";
import { KubernetesStack } from "../tests/kubernetes/support/stack";
import { CountingClient } from "../tests/support/counting-client";
import { findAlembic } from "./alembic-project";
import { prepareGuide } from "./kubernetes-guide";
import { median, table } from "./measure";
import { describeLoad, downtimeOf, type Seen, takeTurns, watch } from "./watch";

const tasks = Number(process.env.OCTOLLM_BENCH_TASKS ?? 100_000);
const rounds = Number(process.env.OCTOLLM_BENCH_ROUNDS ?? 2);

async function ours(early: boolean): Promise<Seen> {
  const stack = await KubernetesStack.adopted("standalone", { tasks });
  try {
    stack.wants("1.0.0");
    stack.set({ backup: { early } });
    return await watch(stack.octollm, () => stack.up());
  } finally {
    stack.remove();
  }
}

async function byGuide(alembic: string): Promise<Seen> {
  const octollm = await startInstallation({ tasks });
  try {
    return await watch(octollm, await prepareGuide(octollm, alembic));
  } finally {
    octollm.remove();
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
    "the guide's kubectl steps": () => byGuide(alembic),
  };
  const seen = await takeTurns(ways, rounds);
  const down = (name: string) => downtimeOf(seen, name);
  const rows = [...seen].map(([name, runs]) => [
    name,
    runs.map(({ downtime }) => `${downtime.toFixed(1)} s`).join(", "),
    `${median(runs.map(({ whole }) => whole)).toFixed(1)} s`,
    `${(down(own) / down(name)).toFixed(2)}x`,
    `${(down(ownEarly) / down(name)).toFixed(2)}x`,
  ]);
  return table(["way", "downtime", "whole", "ours of it", "with backup.early"], rows);
}

/** A minor release at 200 requests a second: from pods as the operator has them, and on to pods of ours. */
async function benchMinor(): Promise<string[][]> {
  const stack = await KubernetesStack.adopted("standalone", { tasks });
  const roll = async (version: string, name: string): Promise<string[]> => {
    stack.wants(version);
    const readers = new CountingClient(`${stack.octollm.orchestrator}/tasks?limit=1`, { every: 5, timeout: 20_000 });
    await stack.up();
    const { failed, sent, slowest } = await readers.stop();
    return [name, `${failed.length} of ${sent}`, `${(slowest / 1000).toFixed(2)} s`];
  };
  try {
    const first = await roll("0.2.0", "0.1.0 -> 0.2.0, the operator's pods without a preStop");
    stack.octollm.kubectl(
      "patch",
      "configmap",
      "octollm-config",
      "--type=merge",
      "--patch",
      '{"data":{"LOG_LEVEL":"debug"}}',
    );
    return [first, await roll("0.2.0", "0.2.0 with another variable, from pods of ours")];
  } finally {
    stack.remove();
  }
}

async function main(): Promise<void> {
  const started = describeLoad();
  const head = ["rolled at 200 requests/s", "failed", "slowest answer"];
  process.stdout.write(`\n## OctoLLM on Kubernetes, ${tasks} tasks\n\n${table(head, await benchMinor())}\n`);
  process.stdout.write(
    `\n### 0.1.0 -> 1.0.0\n\n${await benchDowntime()}\n\nLoad average: ${started} to ${describeLoad()}.\n`,
  );
}

main().then(
  // The cluster ends with the ring.
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
