import type { Plan } from "../planner/plan";
import { row } from "../planner/summary";
import { type DatabaseAddress, withClient } from "../postgres/connection";
import { measuredSeconds, type RehearsedStep } from "../postgres/rehearsals";

/**
 * How long a plan's revisions took when they were rehearsed, a line each; none for those that were not. It moves by itself,
 * so it is told and not kept.
 */
export async function describeRehearsals(
  { revisions }: Pick<Plan, "revisions">,
  address: DatabaseAddress,
): Promise<string[]> {
  const steps = [...revisions.pre, ...revisions.post];
  if (steps.length === 0) return [];
  const measured = await withClient(address, { name: "rehearsals", readOnly: true }, (client) =>
    measuredSeconds(client, steps),
  );
  return steps.flatMap(({ revision }) => describe(measured.filter((step) => step.revision === revision)));
}

function describe(measured: readonly RehearsedStep[]): string[] {
  const [newest] = measured.toSorted((one, other) => other.backupAt.localeCompare(one.backupAt));
  if (!newest) return [];
  const times = (["up", "down"] as const).flatMap((direction) => {
    const found = measured.find((step) => step.direction === direction);
    return found ? [`${direction} ${describeTime(found.milliseconds)}`] : [];
  });
  const day = newest.backupAt.slice(0, 10);
  return row(
    "rehearsed",
    `${newest.revision} ${times.join(", ")} (backup of ${day}, ${describeRows(newest.rows)} rows)`,
  );
}

/** `3.2 s`, `140 s`, `12 min`. */
export function describeTime(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  return seconds < 180 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

function describeRows(rows: number): string {
  return rows >= 1e6 ? `${(rows / 1e6).toFixed(1)} M` : rows.toLocaleString("en");
}
