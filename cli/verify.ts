import { writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { resolve } from "node:path";

import { Command, InvalidArgumentError } from "commander";

import { failures, judged } from "../phases/checks/check";
import { type Verification, verifyNow } from "../phases/verify-now";
import { errorText } from "../postgres/errors";
import { many } from "../report/words";
import { checkTable, resultOf } from "./check-table";
import { note, print } from "./output";
import { interrupted } from "./prompt";
import { openStack } from "./stack";

interface VerifyOptions {
  readonly stack?: string;
  readonly since?: Date;
  readonly task: boolean;
  readonly json?: boolean;
  readonly junit?: string;
}

const help = `
It verifies the release that serves, and writes nothing but a task, which it
removes again where the API can.

Exit code: 0 all is well, 1 a check failed.`;

/** `octollm verify`: the checks of an upgrade's end, at any time. */
export function verifyCommand(): Command {
  return new Command("verify")
    .description("make every check of an upgrade's end now: services, API, data, logs")
    .option("-s, --stack <name>", "the stack; else the selected one")
    .option("--since <time>", "read logs from then on: 2026-01-01T10:00Z, 30m, 2h or 1d ago", readTime)
    .option("--no-task", "create no task")
    .option("--json", "for programs")
    .option("--junit <file>", "write JUnit XML too, for CI")
    .addHelpText("after", help)
    .action(run);
}

const unitMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

function readTime(text: string): Date {
  const [, count, unit = ""] = /^(\d{1,4})([mhd])$/.exec(text) ?? [];
  const time = count === undefined ? Date.parse(text) : Date.now() - Number(count) * (unitMs[unit] ?? 0);
  if (Number.isNaN(time)) throw new InvalidArgumentError("It reads 30m, 2h, 1d, or a time such as 2026-01-01T10:00Z.");
  return new Date(time);
}

async function run({ stack, since, task, json, junit }: VerifyOptions): Promise<void> {
  // Said by who calls, whose folder is left when the stack is opened.
  const junitFile = junit === undefined ? null : resolve(junit);
  const { name, settings, site } = await openStack(stack);
  const begun = new Date();
  const verification = { ...site.verification, task: task && site.verification.task };
  const { version, databaseUrl } = settings;
  const activity = { signal: interrupted(), progress: note };
  const found = await verifyNow(
    { site: { ...site, verification }, version, databaseUrl, since: since ?? null },
    activity,
  );
  if (json) print(JSON.stringify(asJson(name, begun, found), null, 2));
  else for (const line of describe(name, found)) print(line);
  if (failures(found.checks).length > 0) process.exitCode = 1;
  if (junitFile !== null) await writeJunit(junitFile, name, begun, found);
}

async function writeJunit(file: string, stack: string, at: Date, { release, checks }: Verification): Promise<void> {
  // Loaded only here: no other command needs it.
  const { toJunit } = createRequire(__filename)("../report/junit") as typeof import("../report/junit");
  const seconds = (Date.now() - at.getTime()) / 1000;
  const xml = toJunit({ name: `OctoLLM ${release ?? ""} of stack ${stack}`, at, seconds, checks });
  await writeFile(file, xml).catch((error: unknown) => {
    throw new Error(`The checks were made, but ${file} could not be written: ${errorText(error)}`);
  });
  note(`wrote ${file}`);
}

function asJson(stack: string, at: Date, { release, checks }: Verification): object {
  return {
    stack,
    release,
    at: at.toISOString(),
    passed: failures(checks).length === 0,
    checks: checks.map(({ subject, check, detail, ...rest }) => {
      return { subject, check, result: resultOf(rest).toLowerCase(), detail };
    }),
  };
}

function describe(stack: string, { release, checks }: Verification): string[] {
  const failed = failures(checks).length;
  const made = many(judged(checks).length, "check");
  const skipped = checks.length - judged(checks).length;
  const rest = skipped === 0 ? "" : `; ${skipped} could not be made`;
  const what = `${release === null ? "OctoLLM" : `OctoLLM ${release}`} of stack ${stack}`;
  return [
    checkTable(checks),
    "",
    failed === 0 ? `${what}: all ${made} passed${rest}.` : `${what}: ${failed} of ${made} FAILED${rest}.`,
    ...(failed === 0 ? [] : ["Next: correct the cause, then run it again. How things stand: octollm status"]),
  ];
}
