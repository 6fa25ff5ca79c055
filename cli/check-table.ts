import { printable } from "../environment/describe";
import type { Check } from "../phases/checks/check";
import { wrap } from "../planner/summary";
import { bold } from "./output";

/** Of a check and of what was found; with the result and the gaps it makes 80 columns. */
const widths = { check: 36, found: 36 } as const;

/** Checks as a table of 80 columns: result, check, and what was found. */
export function checkTable(checks: readonly Check[]): string {
  return [line("", "CHECK", "FOUND"), ...checks.flatMap(linesOf)].join("\n");
}

/** `pass`, `FAIL`, or `skip` for what could not be judged. */
export function resultOf({ passed, skipped }: Pick<Check, "passed" | "skipped">): "pass" | "FAIL" | "skip" {
  return passed ? (skipped === true ? "skip" : "pass") : "FAIL";
}

function linesOf(check: Check): string[] {
  const result = resultOf(check);
  const [names, details] = [wrapped(check.check, widths.check), wrapped(check.detail, widths.found)];
  return Array.from({ length: Math.max(names.length, details.length) }, (_, index) => {
    const text = line(index === 0 ? result : "", names[index] ?? "", details[index] ?? "");
    return result === "FAIL" ? bold(text) : text;
  });
}

function line(result: string, check: string, found: string): string {
  return `${result.padEnd(4)}  ${check.padEnd(widths.check)}  ${found}`.trimEnd();
}

/** Without the control characters of other programs' texts; words longer than a line are cut. */
function wrapped(text: string, width: number): string[] {
  const words = printable(text).replaceAll(/\s+/g, " ").trim();
  return wrap(words.replaceAll(new RegExp(`\\S{${width}}(?=\\S)`, "g"), "$& "), width);
}
