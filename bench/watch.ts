import { loadavg } from "node:os";

import { CountingClient } from "../tests/support/counting-client";
import { median, seconds } from "./measure";

/** An installation of a test's ring, on Docker or on Kubernetes. */
interface Watched {
  /** URL of the orchestrator, as clients have it. */
  readonly orchestrator: string;
  sql<Row extends object>(text: string): Promise<Row[]>;
  serving(): Promise<{ readonly version: string; readonly revision: string } | null>;
}

/** What a client saw that asks the orchestrator's /health every 50 ms. */
export interface Seen {
  /** Of the whole upgrade, in seconds. */
  readonly whole: number;
  /** Longest time without an answer, in seconds. */
  readonly downtime: number;
  readonly failed: number;
  readonly sent: number;
}

/** Has an OctoLLM upgraded to 1.0.0, before the eyes of a client; what comes of it must be right. */
export async function watch(octollm: Watched, upgrade: () => Promise<unknown>): Promise<Seen> {
  const priorities = "SELECT sum(priority)::integer AS sum FROM tasks";
  const [before] = await octollm.sql<{ sum: number }>(priorities);
  const client = new CountingClient(`${octollm.orchestrator}/health`);
  const whole = await seconds(upgrade);
  const { downtime, failed, sent } = await client.stop();
  const [after] = await octollm.sql<{ sum: number }>(priorities);
  const serving = await octollm.serving();
  if (serving?.version !== "1.0.0" || serving.revision !== "e4f5a6" || !before || after?.sum !== before.sum * 2)
    throw new Error(`not upgraded as it should be: ${JSON.stringify({ serving, before, after })}`);
  return { whole, downtime: downtime / 1000, failed: failed.length, sent };
}

/** Has every way take its turn in each round. @returns what was seen of each, by its name */
export async function takeTurns(
  ways: Readonly<Record<string, () => Promise<Seen>>>,
  rounds: number,
): Promise<ReadonlyMap<string, readonly Seen[]>> {
  const seen = new Map(Object.keys(ways).map((name) => [name, [] as Seen[]]));
  for (let round = 1; round <= rounds; round++)
    for (const [name, way] of Object.entries(ways)) {
      const found = await way();
      seen.get(name)?.push(found);
      process.stderr.write(`round ${round}, ${name}: ${JSON.stringify(found)}\n`);
    }
  return seen;
}

/** The median downtime of a way, in seconds. */
export function downtimeOf(seen: ReadonlyMap<string, readonly Seen[]>, name: string): number {
  return median((seen.get(name) ?? []).map(({ downtime }) => downtime));
}

/** The machine's load averages, for people. */
export function describeLoad(): string {
  return loadavg()
    .map((value) => value.toFixed(1))
    .join(" ");
}
