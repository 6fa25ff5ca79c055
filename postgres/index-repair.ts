import { type Client, type DatabaseAddress, withClient } from "./connection";
import { errorText } from "./errors";
import { findIndex, type IndexBuild, indexBuildOf } from "./index-builds";
import type { ParsedStatement } from "./statements";
import { watched } from "./watch";

/** An index that some revision builds CONCURRENTLY. */
export interface BuiltIndex {
  readonly statement: ParsedStatement;
  /**
   * `present`: it has to be there and valid; `sound`: if it is there, it has to be valid; `absent`: its revision is not
   * applied, so that an INVALID one is merely in the way.
   */
  readonly wanted: "present" | "sound" | "absent";
}

export interface RepairOptions {
  readonly address: DatabaseAddress;
  readonly indexes: readonly BuiltIndex[];
  /** Limit of one build. */
  readonly buildTimeoutMs: number;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Long enough where nobody is in the way; nobody has to wait for the removal of what no query uses. */
const dropTimeoutMs = 5_000;

/**
 * Puts right what builds and drops of indexes that were cut short have left, where the revision that did them is not on
 * the way any more: drops an INVALID index that nobody wants, and builds anew a wanted one that is INVALID or gone.
 *
 * @returns what was done, and what is left behind since somebody kept it busy; a line each, empty when all was well
 * @throws the database's error when a wanted index cannot be built
 */
export async function repairIndexes(options: RepairOptions): Promise<string[]> {
  const builds = options.indexes.flatMap(({ statement, wanted }) => {
    const build = indexBuildOf(statement);
    return build?.name ? [{ statement, wanted, build }] : [];
  });
  if (builds.length === 0) return [];
  return withClient(options.address, { name: "index repair" }, async (client) => {
    const done: string[] = [];
    for (const one of builds) done.push(...(await repair(client, options, one)));
    return done;
  });
}

interface Suspect extends BuiltIndex {
  readonly build: IndexBuild;
}

async function repair(
  client: Client,
  options: RepairOptions,
  { statement, wanted, build }: Suspect,
): Promise<string[]> {
  const found = await findIndex(client, build);
  // Another relation of that name, a build that somebody else has under way: not ours to judge.
  if (found && (found.valid || !found.sameTable || found.builder !== null)) return [];
  if (!found && wanted !== "present") return [];
  const lines: string[] = [];
  if (found) {
    const fault = await drop(client, found.qualifiedName);
    if (fault !== null)
      return [
        `INVALID index ${found.qualifiedName} is left behind, since it could not be dropped (${fault}). It costs every ` +
          `write; the next up drops it, or: DROP INDEX CONCURRENTLY ${found.qualifiedName};`,
      ];
    lines.push(`dropped INVALID index ${found.qualifiedName}, which was left by work that was cut short`);
  }
  if (wanted !== "absent") {
    await buildAnew(client, options, { statement, build });
    lines.push(`built index ${build.name} anew`);
  }
  return lines;
}

/** @returns why it could not be dropped, or null */
async function drop(client: Client, name: string): Promise<string | null> {
  await client.query(`SET statement_timeout = ${dropTimeoutMs}`);
  try {
    await client.query(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`);
    return null;
  } catch (error) {
    return errorText(error);
  } finally {
    await client.query("SET statement_timeout = 0");
  }
}

async function buildAnew(
  client: Client,
  { address, buildTimeoutMs, progress, signal }: RepairOptions,
  { statement, build }: { statement: ParsedStatement; build: IndexBuild },
): Promise<void> {
  const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  await client.query(`SET statement_timeout = ${buildTimeoutMs}`);
  const watch = { address, pid: rows[0]?.pid ?? 0, label: `building ${build.name} anew`, progress, signal };
  await watched(watch, () => client.query(statement.sql));
}
