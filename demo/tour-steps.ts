import { spawn } from "node:child_process";
import { join, resolve } from "node:path";

import pc from "picocolors";

const project = resolve(__dirname, "..");
const width = 78;

/** A claim of the tour did not hold: the tour fails, whatever else went well. */
export class BrokenClaim extends Error {}

/** The heading of a chapter. */
export function chapter(title: string): void {
  process.stdout.write(`\n${pc.bold(pc.cyan(title))}\n${pc.dim("─".repeat(width))}\n`);
}

/** One paragraph of plain text, given in lines that fit the terminal. */
export function say(...lines: string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`);
}

/** States what was just checked; a claim that does not hold ends the tour. */
export function claim(text: string, holds: boolean, detail = ""): void {
  if (!holds) throw new BrokenClaim(`not true: ${text}${detail ? ` (${detail})` : ""}`);
  process.stdout.write(`${pc.green("  ✓")} ${text}\n`);
}

/** How much of a command's output the tour shows. */
export type Show = (line: string) => string | null;

/** Every line. */
export const everything: Show = (line) => line;

/** One line per phase with what it took, and the summary. */
export const phasesOnly: Show = (line) => {
  const [, name, type, took] = /upgrade:index:(\w+) (\S+) (?:created|updated) \(([\d.]+)s\)/.exec(line) ?? [];
  if (name !== undefined && name !== "LocalDeployment" && name !== "Upgrade")
    return `${name === "SchemaMigration" ? `SchemaMigration (${type})` : name}`.padEnd(28) + `${took} s`;
  const [, service, seconds] =
    /command:local:Command services-(\S+) (?:created|updated) \(([\d.]+)s\)/.exec(line) ?? [];
  if (service !== undefined) return `Deployment (${service})`.padEnd(28) + `${seconds} s`;
  return /^\s+(downtimeSeconds|release)\s*:|^\s+[+~]? ?\d+ (created|updated|unchanged)|error|failed/.test(line)
    ? line.trim()
    : null;
};

/** What a preview says of the plan, without the list of resources. */
export const planOnly: Show = (line) =>
  /^ {4}(?: {10})?\S|unchanged|to update|to create|error/.test(line) && !/upgrade:index|: "|: \[|: \{|[\]}]$/.test(line)
    ? line.trimEnd()
    : null;

/**
 * Runs `octollm` as its user would, and shows the command and, through `show`, its output.
 *
 * @param argv - the words after `octollm`
 * @throws BrokenClaim with the whole output when it does not exit with 0
 */
export async function octollm(argv: readonly string[], show: Show = everything): Promise<string> {
  process.stdout.write(`\n${pc.bold(`$ npx octollm ${argv.join(" ")}`)}\n`);
  const child = spawn(process.execPath, [join(project, "bin", "octollm"), ...argv], {
    cwd: project,
    env: { ...process.env, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let unfinished = "";
  const take = (chunk: Buffer) => {
    output += chunk.toString();
    const lines = (unfinished + chunk.toString()).split("\n");
    unfinished = lines.pop() ?? "";
    for (const line of lines) print(show(line));
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  const code = await new Promise<number | null>((settle, reject) => {
    child.once("error", reject);
    child.once("close", settle);
  });
  if (code !== 0) throw new BrokenClaim(`'octollm ${argv.join(" ")}' ended with ${code}:\n${output}`);
  return output;
}

/** Breaks at the terminal's width, between words; what has none is cut. */
function print(line: string | null): void {
  if (line === null) return;
  const [, indent = "", text = ""] = /^(\s*)(.*)$/.exec(line) ?? [];
  const rows: string[] = [];
  for (const word of text.split(/(?<=\S)(?= )/)) {
    const last = rows.at(-1);
    if (last !== undefined && last.length + word.length <= width - 2) rows[rows.length - 1] = last + word;
    else rows.push(last === undefined ? indent + word : `${indent}  ${word.trimStart()}`);
  }
  for (const row of rows) {
    const cut = row.length > width - 2 ? `${row.slice(0, width - 3)}…` : row;
    process.stdout.write(`  ${pc.dim(cut)}\n`);
  }
}
