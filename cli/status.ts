import { Command } from "commander";

import { listBackups } from "../backup/list";
import { WorldFault } from "../phases/faults";
import { momentOf } from "../phases/moment";
import { type Look, look } from "../phases/preflight";
import { type Site, sitePath } from "../phases/site";
import { describeDrift } from "../planner/drift";
import { closedGates } from "../planner/gates";
import type { Refusal } from "../planner/refusals";
import type { ServiceState } from "../runtimes/runtime";
import type { Settings } from "../settings";
import { bold, print } from "./output";
import { openStack } from "./stack";

/** `octollm status`: what runs, where the database stands, the last backup, what is unfinished, and what to type next. */
export function statusCommand(): Command {
  return new Command("status")
    .description("what runs, revision, last backup, unfinished attempt, next command")
    .option("-s, --stack <name>", "the stack; else the selected one")
    .action(({ stack }: { stack?: string }) => status(stack));
}

async function status(name: string | undefined): Promise<void> {
  const { backend, name: stack, settings, site } = await openStack(name);
  const { resources } = await backend.loadState(stack);
  const emptyStack = !resources.some((resource) => resource.type === "upgrade:index:Preflight");
  print(`${bold("stack")}      ${stack}, wants OctoLLM ${settings.version}`);
  const { version, restoreFrom, databaseUrl } = settings;
  try {
    const found = await look({ site, version, restoreFrom, emptyStack, databaseUrl });
    for (const line of describeInstallation(found)) print(line);
    print(await describeBackups(site));
    for (const line of describeAttempts(found)) print(line);
    for (const line of describeDrift(found.observation.world)) print(`${bold("drift")}      ${line}`);
    print(`${bold("next")}       ${nextCommand(found, settings, emptyStack)}`);
  } catch (error) {
    if (!(error instanceof WorldFault)) throw error;
    for (const { name: service, state } of error.services) print(describeService(service, state));
    print(await describeBackups(site));
    throw new Error(`${bold("next")}       ${correctFirst(error.refusals)}`, { cause: error });
  }
}

function describeService(name: string, { release, detail }: ServiceState): string {
  return `${bold("service")}    ${name} ${release ?? ""}: ${detail}`;
}

function correctFirst(refusals: readonly Refusal[]): string {
  return `correct first:\n${refusals.map(({ path, text }) => `  ${path}: ${text}`).join("\n")}`;
}

function describeInstallation({ observation }: Look): string[] {
  const { world, services, database } = observation;
  return [
    ...services.map(({ name, state }) => describeService(name, state)),
    `${bold("release")}    ${world.release ?? "unknown"}`,
    `${bold("database")}   ${database.database}, revision ${world.revisions.join(", ") || "none"}, PostgreSQL ${database.serverVersion}`,
  ];
}

async function describeBackups(site: Site): Promise<string> {
  const backups = await listBackups(sitePath(site, site.backup.folder));
  const [last] = backups;
  return `${bold("backup")}     ${last ? `${last.path} (of ${backups.length})` : "none yet"}`;
}

function describeAttempts({ observation }: Look): string[] {
  const { lastAttempt } = observation.ledger;
  if (!lastAttempt) return [`${bold("attempts")}   none: this installation has not been adopted`];
  const { attempt, fromVersion, toVersion, status: state, phase, startedAt, error } = lastAttempt;
  const way = fromVersion === toVersion ? toVersion : `${fromVersion} -> ${toVersion}`;
  const line = `${bold("attempt")}    ${attempt}, ${way}, ${state}${state === "succeeded" ? "" : ` in ${phase ?? "Preflight"}`}, begun ${startedAt}`;
  return error === null ? [line] : [line, ...error.split("\n").map((text) => `           ${text}`)];
}

function nextCommand({ outcome, observation }: Look, settings: Settings, emptyStack: boolean): string {
  if (outcome.kind === "refused") return correctFirst(outcome.reasons);
  if (outcome.settled) return "nothing to do";
  const gates = closedGates(outcome.plan, settings, momentOf(observation));
  if (gates.length > 0) return gates.map(({ text }) => text).join("\n           ");
  if (outcome.plan.direction === "install")
    return `octollm preview, then octollm up (installs OctoLLM ${settings.version})`;
  if (emptyStack) return "octollm up (adopts what runs)";
  const { openAttempt } = observation.world;
  const back =
    openAttempt && openAttempt.from !== settings.version ? `, or octollm abort to bring ${openAttempt.from} back` : "";
  return `octollm preview, then octollm up${back}`;
}
