import { table } from "../engine/commands/table";
import { describeTime } from "../phases/rehearsed";
import { row } from "../planner/summary";
import type { RevisionResult } from "../postgres/runner";
import type { Rehearsal, RehearsalWish } from "./rehearse";

/** Whether an upgrade may be expected to go as it went here. */
export function isGood({ invariants, afterDown, afterUpAgain, loses }: Rehearsal): boolean {
  return invariants.length === 0 && (loses.length > 0 || afterDown.length + afterUpAgain.length === 0);
}

/** What a rehearsal has found, for people. */
export function reportLines(wish: RehearsalWish, found: Rehearsal): string[] {
  const { backup, scratch, keep, to, catalogue, here, place } = wish;
  const { release, id } = backup.manifest;
  const revision = (at: number) => catalogue.chain[at]?.revision ?? "none";
  return [
    ...row("rehearsed", `OctoLLM ${release} -> ${to}, ${revision(here)} -> ${revision(place)}`),
    ...row("backup", `${id}, ${found.rows.toLocaleString("en")} rows of ${found.tables} tables`),
    ...row("scratch", `database ${scratch.database}, ${keep ? "which is kept" : "dropped again"}`),
    "",
    table(["REVISION", "UP", "DOWN", "UP AGAIN"], timeRows(found)),
    "",
    ...found.dead.flatMap(({ revision, downLoss }) =>
      row("down", `not gone: ${revision} has no way down (${downLoss ?? ""})`),
    ),
    ...found.invariants.flatMap((line) => row("wrong", line)),
    ...(found.dead.length > 0
      ? []
      : [
          ...verdict("down", "before", found.afterDown, found),
          ...verdict("up again", "after the first way up", found.afterUpAgain, found),
        ]),
    ...row("result", isGood(found) ? "good" : "not good: see above"),
  ];
}

function verdict(name: string, like: string, differences: readonly string[], { loses }: Rehearsal): string[] {
  if (differences.length === 0) return row(name, `every object and every row is as ${like}`);
  const lossy = loses.length > 0 ? `, and something has to: it loses ${loses.join("; ")}` : "";
  const shown = differences.slice(0, 20).flatMap((line) => row("", line));
  const more = differences.length - 20;
  return [
    ...row(name, `differs from what was ${like}${lossy}`),
    ...shown,
    ...(more > 0 ? row("", `and ${more} more`) : []),
  ];
}

function timeRows({ up, down, upAgain }: Rehearsal): string[][] {
  const time = (results: readonly RevisionResult[], revision: string) => {
    const found = results.find((result) => result.revision === revision);
    return found ? describeTime(found.milliseconds) : "-";
  };
  const total = (results: readonly RevisionResult[]) =>
    results.length === 0 ? "-" : describeTime(results.reduce((sum, { milliseconds }) => sum + milliseconds, 0));
  return [
    ...up.map(({ revision }) => [revision, time(up, revision), time(down, revision), time(upAgain, revision)]),
    ["total", total(up), total(down), total(upAgain)],
  ];
}

/** The same for programs; times in seconds. */
export function reportJson(wish: RehearsalWish, found: Rehearsal): object {
  const { backup, scratch, keep, to } = wish;
  const seconds = (results: readonly RevisionResult[], revision: string) => {
    const result = results.find((candidate) => candidate.revision === revision);
    return result ? result.milliseconds / 1000 : null;
  };
  const { up, down, upAgain, dead, rows, tables, invariants, afterDown, afterUpAgain, loses } = found;
  return {
    good: isGood(found),
    backup: backup.manifest.id,
    from: backup.manifest.release,
    to,
    scratch: keep ? scratch.database : null,
    rows,
    tables,
    revisions: up.map(({ revision }) => {
      return {
        revision,
        up: seconds(up, revision),
        down: seconds(down, revision),
        upAgain: seconds(upAgain, revision),
      };
    }),
    noWayDown: dead.map(({ revision }) => revision),
    loses,
    invariants,
    afterDown,
    afterUpAgain,
  };
}
