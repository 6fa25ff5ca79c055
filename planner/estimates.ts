import type { Measure } from "../postgres/measures";

/** Below that a time is that of the round trip, and tells nothing of bigger ones. In bytes. */
const telling = 1_000_000;

/** How long a statement is likely to take, and what that rests on. */
export interface Estimate {
  readonly seconds: number;
  /** `as in attempt 3`, or `at 48 MB/s`. */
  readonly source: string;
}

/**
 * Seconds from what was measured on this database before: the same statement, else the same kind of work.
 *
 * @param work - with the size that it has now
 * @param measures - newest first
 * @returns null when nothing was measured that would tell
 */
export function estimateSeconds(
  work: Pick<Measure, "revision" | "direction" | "statement" | "work" | "bytes">,
  measures: readonly Measure[],
): Estimate | null {
  const alike = measures.filter((measure) => measure.work === work.work);
  const same = alike.find(
    ({ revision, direction, statement }) =>
      revision === work.revision && direction === work.direction && statement === work.statement,
  );
  // As big as then, or big enough then for the time to grow with the size.
  if (same && (same.bytes >= telling || work.bytes <= 2 * same.bytes)) {
    const growth = same.bytes >= telling ? work.bytes / same.bytes : 1;
    return { seconds: (same.milliseconds / 1000) * growth, source: `as in attempt ${same.attempt}` };
  }
  const big = alike.filter(({ bytes, milliseconds }) => bytes >= telling && milliseconds > 0).slice(0, 5);
  if (big.length === 0) return null;
  const sum = (pick: (measure: Measure) => number) => big.reduce((total, measure) => total + pick(measure), 0);
  const perSecond = (1000 * sum(({ bytes }) => bytes)) / sum(({ milliseconds }) => milliseconds);
  return { seconds: work.bytes / perSecond, source: `at ${Number((perSecond / 1e6).toPrecision(2))} MB/s` };
}
