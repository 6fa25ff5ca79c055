import { compareCounts } from "../../postgres/checks";
import type { Counts } from "../../postgres/counts";
import { about, type Check } from "./check";

/**
 * Every table that was counted is there. Equality was judged before anybody served again; by now the clients may have
 * written, and a verification has created a task, so that numbers are told and not judged.
 *
 * @param before - rows per table once the writers were stopped
 * @param wereEqual - whether equality was judged then
 */
export function checkRows(before: Counts, now: Counts, wereEqual: boolean): Check[] {
  const judged = compareCounts(before, now).map(({ check, detail }) => {
    const table = check.replace(/^rows of /, "");
    const isGone = before[table] !== undefined && now[table] === undefined;
    return { check, passed: !isGone, detail: wereEqual ? `${detail}; equal before the services started` : detail };
  });
  return about("rows", judged);
}
