import type { Block, Page } from "./markdown";

/** Languages of blocks that are meant to be typed into a shell. */
const shells = ["sh", "bash", "shell", "console"];

/** What is to be done with a block of shell commands. */
export type Direction =
  | {
      readonly kind: "run";
      /** The state to begin in, one of `Playground.create`'s, or the path of a page, as that leaves it; null goes on where the block before ended. */
      readonly state: string | null;
      readonly code: number;
    }
  | { readonly kind: "leave"; readonly reason: string };

/** A block of commands, what to do with it, and the output that the page shows below it. */
export interface Step {
  readonly block: Block;
  readonly direction: Direction;
  readonly output: Block | null;
}

/**
 * What a block's comment asks for:
 *
 *     <!-- run in: adopted -->                  a new installation in that state
 *     <!-- run -->                              in the same installation, after the block before
 *     <!-- run, ends with 1 -->                 the last command of the block fails with that code
 *     <!-- not run: it takes an hour -->
 *
 * @returns null when it says nothing of this kind
 */
export function directionOf(comment: string | null): Direction | null {
  const left = /^not run: (.{10,})$/.exec(comment ?? "");
  if (left) return { kind: "leave", reason: left[1] ?? "" };
  const run = /^run(?: in: ([^,]+))?(?:, ends with (\d+))?$/.exec(comment ?? "");
  return run && { kind: "run", state: run[1] ?? null, code: Number(run[2] ?? 0) };
}

/** @throws when a block of commands does not say what is to be done with it */
export function stepsOf({ blocks }: Page): Step[] {
  return blocks.flatMap((block, index) => {
    if (!shells.includes(block.language)) return [];
    const direction = directionOf(block.comment);
    if (!direction)
      throw new Error(
        `${block.place}: this block does not say whether it is run. Write a line before it: '<!-- run in: <state> -->', ` +
          `'<!-- run -->' or '<!-- not run: <why> -->'; tests/docs/support/directions.ts describes them`,
      );
    const next = blocks[index + 1];
    return [{ block, direction, output: next?.language === "text" && next.comment === "output" ? next : null }];
  });
}

/**
 * Lines that a page shows and that were not printed in this order. Numbers may be others, `…` stands for anything, and
 * what was printed between the lines does not matter.
 */
export function missingLines(shown: string, printed: string): string[] {
  const lines = printed.split("\n");
  let from = 0;
  return shown
    .split("\n")
    .filter((line) => line.trim() !== "")
    .filter((line) => {
      const pattern = patternOf(line);
      const at = lines.findIndex((candidate, index) => index >= from && pattern.test(candidate));
      if (at >= 0) from = at + 1;
      return at < 0;
    });
}

function patternOf(line: string): RegExp {
  const parts = line.trim().split("…");
  const escaped = parts.map((part) =>
    part
      .replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
      .replace(/\d+/g, "\\d+")
      .replace(/\s+/g, "\\s+"),
  );
  return new RegExp(`^\\s*${escaped.join(".*")}\\s*$`);
}
