import { performance } from "node:perf_hooks";

/** Median of some numbers. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

/** Seconds that some work takes. */
export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

/**
 * Medians of rivals that take turns, so that a noisy machine is noisy to all of them.
 *
 * @param rivals - name to work
 * @param rounds - how often each is run; a first round that fills caches comes on top
 */
export async function race(
  rivals: Readonly<Record<string, () => Promise<unknown>>>,
  rounds: number,
): Promise<Map<string, number>> {
  const times = new Map(Object.keys(rivals).map((name) => [name, [] as number[]]));
  for (let round = 0; round <= rounds; round++)
    for (const [name, work] of Object.entries(rivals)) {
      const took = await seconds(work);
      if (round > 0) times.get(name)?.push(took);
    }
  return new Map([...times].map(([name, list]) => [name, median(list)]));
}

/** A Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
