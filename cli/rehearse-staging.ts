import { writeFileSync } from "node:fs";
import { relative } from "node:path";

import { describeSize } from "../backup/describe";
import { catalogueFolder, sitePath } from "../phases/site";
import { row } from "../planner/summary";
import { describeAddress } from "../postgres/connection";
import { k6Script } from "../rehearsal/staging/k6";
import { portsOf, requestsOf } from "../rehearsal/staging/load-paths";
import { type Prepared, type PreparedStack, prepareRehearsal } from "../rehearsal/staging/prepare";
import { rehearseOnStaging } from "../rehearsal/staging/run";
import { loadCatalogue } from "../releases/catalogue";
import { rehearsalLines, rehearsalReport } from "../report/rehearsal";
import { writeRehearsal } from "../report/write";
import { note, print } from "./output";
import { agreed } from "./prompt";
import { stagingEngine } from "./rehearsal-engine";
import { acceptancesOf, type OpenedStack, openStack } from "./stack";

export interface StagingOptions {
  readonly to?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
  readonly engine: string | undefined;
}

/** `octollm rehearse` of a stack that names production: the whole upgrade on a masked clone of production's database. */
export async function rehearseStaging(staging: OpenedStack, options: StagingOptions): Promise<void> {
  const production = await openStack(staging.settings.rehearsal.production);
  const prepared = await prepareRehearsal({
    staging: await prepare(staging),
    production: await prepare(production),
    catalogue: await loadCatalogue(catalogueFolder(staging.site)),
    to: options.to,
  });
  for (const line of describe(prepared)) note(line);
  if (!options.yes && !(await agreed(`Replace staging's database by a clone of production's?`)))
    throw new Error("Not agreed. Nothing was touched.");
  const signal = interruptible();
  const engine = stagingEngine(staging, options.engine, (line) => note(`  ${line}`));
  const facts = await rehearseOnStaging({ ...prepared, engine, project: process.cwd() }, { signal, progress: note });
  const { folder: name, keep } = staging.settings.report;
  const report = await writeRehearsal(sitePath(staging.site, name), facts, rehearsalReport(facts), keep);
  if (options.json) print(JSON.stringify({ ...facts, report }, withoutPlans, 2));
  else for (const line of rehearsalLines(facts)) print(line);
  note(`report: ${relative(process.cwd(), report)}`);
  if (facts.faults.length > 0)
    throw new Error(
      `The rehearsal is not good:\n${facts.faults.map((fault) => `  ${fault}`).join("\n")}\nProduction was only read.`,
    );
}

/** A plan is long, and `octollm preview --json` has it. */
const withoutPlans = (key: string, value: unknown) => (key === "plan" ? undefined : value);

async function prepare(stack: OpenedStack): Promise<PreparedStack> {
  const { resources } = await stack.backend.loadState(stack.name);
  const isAdopted = resources.some(({ type }) => type === "upgrade:index:Preflight");
  return { ...stack, accepted: acceptancesOf(stack.settings), isAdopted };
}

function describe({ from, to, production, staging, bytes, masked, settings }: Prepared): string[] {
  const columns = settings.masking.map(({ table, column, as }) => {
    return `${table}.${column} as ${["null", "hash", "email"].includes(as) ? as : "an expression"}`;
  });
  return [
    ...row("rehearses", `OctoLLM ${from} -> ${to} -> ${from}`),
    ...row("clones", `${describeAddress(production.address)}, ${describeSize(bytes)}, READ ONLY`),
    ...row("replaces", describeAddress(staging)),
    ...(masked.length === 0
      ? row("masks", "nothing: every value of production will be on staging")
      : columns.flatMap((line) => row("masks", line))),
  ];
}

/** Writes the load test as a script for k6; nothing else is done. */
export async function writeK6Script({ settings, site }: OpenedStack, file: string): Promise<void> {
  const { load } = settings.rehearsal;
  const catalogue = await loadCatalogue(catalogueFolder(site));
  const ports = portsOf(site);
  const releases = catalogue.releases.map((release) => {
    return { version: release.version, requests: requestsOf(release, load.paths, Object.keys(ports)) };
  });
  writeFileSync(file, k6Script(load, releases, ports));
  print(`Wrote ${relative(process.cwd(), file)}. Nothing was rehearsed.`);
}

/** The first Ctrl-C ends what is under way; an `up` brings its old release back first. */
function interruptible(): AbortSignal {
  const cancel = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => cancel.abort(new Error("It was cancelled.")));
  return cancel.signal;
}
