import fs from "node:fs";

import { breakLocks, lockStack } from "../backend/lock";
import { expectArguments } from "../cli-options";
import { ExitCode, NotImplementedError, OperatorError } from "../errors";
import { isSecret, type PropertyMap, type PropertyValue, unwrapSecrets } from "../property/value";
import { stackType } from "../state/urn";
import { type CommandContext, textFlag } from "./context";
import { table } from "./table";

/** `stack init <name>`: makes a stack and selects it. */
export async function init(context: CommandContext): Promise<number> {
  expectArguments("stack init", context.args, context.flags.stack === undefined ? 1 : 0, 1);
  const name = context.args[0] ?? textFlag(context, "stack") ?? "";
  const backend = context.backend();
  await backend.createStack(name);
  if (context.flags["no-select"] !== true) backend.select(name.slice(name.lastIndexOf("/") + 1));
  context.print(`Created stack '${name}'`);
  return ExitCode.success;
}

/** `stack select <name>`. */
export async function select(context: CommandContext): Promise<number> {
  expectArguments("stack select", context.args, context.flags.stack === undefined ? 1 : 0, 1);
  const name = context.args[0] ?? textFlag(context, "stack") ?? "";
  const backend = context.backend();
  if (context.flags.create === true && !backend.stackNames().includes(name)) await backend.createStack(name);
  backend.select(backend.requireStack(name));
  return ExitCode.success;
}

/** `stack ls`. */
export function ls(context: CommandContext): number {
  expectArguments("stack ls", context.args, 0, 0);
  const backend = context.backend();
  const selected = backend.selected;
  const stacks = backend.stackNames().map((name) => {
    const { latest } = backend.checkpoint(name).checkpoint;
    const lastUpdate = latest?.manifest?.time ? backend.lastWritten(name) : undefined;
    return { name, current: name === selected, lastUpdate, resourceCount: latest?.resources?.length };
  });
  if (context.flags.json === true) context.print(JSON.stringify(stacks, null, 2));
  else {
    const rows = stacks.map(({ name, current, lastUpdate, resourceCount }) => [
      `${name}${current ? "*" : ""}`,
      lastUpdate ? lastUpdate.toISOString().replace("T", " ").slice(0, 19) : "n/a",
      resourceCount === undefined ? "n/a" : String(resourceCount),
    ]);
    context.print(table(["NAME", "LAST UPDATE", "RESOURCE COUNT"], rows));
  }
  return ExitCode.success;
}

function masked(value: PropertyValue, show: boolean): PropertyValue {
  if (show) return unwrapSecrets(value);
  if (isSecret(value)) return "[secret]";
  if (Array.isArray(value)) return value.map((item) => masked(item, show));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, masked(item, show)]));
}

const asText = (value: PropertyValue): string => (typeof value === "string" ? value : JSON.stringify(value));

/** `stack output [name]`. */
export async function output(context: CommandContext): Promise<number> {
  expectArguments("stack output", context.args, 0, 1);
  const backend = context.backend();
  const stack = backend.requireStack(textFlag(context, "stack"));
  const { resources } = await backend.loadState(stack);
  const outputs: PropertyMap = resources.find(({ type, delete: gone }) => type === stackType && !gone)?.outputs ?? {};
  const show = context.flags["show-secrets"] === true;
  const shown = masked(outputs, show) as PropertyMap;
  const [name] = context.args;
  const asJson = context.flags.json === true;
  if (name === undefined && asJson) context.print(JSON.stringify(shown, null, 2));
  else if (name === undefined) printOutputs(context, shown);
  else {
    const value = shown[name];
    if (value === undefined) {
      throw new OperatorError(`current stack does not have output property '${name}'`);
    }
    context.print(asJson ? JSON.stringify(value, null, 2) : asText(value));
  }
  return ExitCode.success;
}

function printOutputs(context: CommandContext, outputs: PropertyMap): void {
  const names = Object.keys(outputs).sort();
  if (names.length === 0) context.print("No output values currently in this stack");
  else {
    context.print(`Current stack outputs (${names.length}):`);
    const rows = names.map((name) => [name, asText(outputs[name] as PropertyValue)]);
    context.print(table(["OUTPUT", "VALUE"], rows, "    "));
  }
}

/** `stack rm <name> --yes`: forgets a stack that has no resources. */
export function remove(context: CommandContext): number {
  expectArguments("stack rm", context.args, 0, 1);
  if (context.flags.force === true) throw new NotImplementedError("`stack rm --force`");
  const backend = context.backend();
  const stack = backend.requireStack(context.args[0] ?? textFlag(context, "stack"));
  if (context.flags.yes !== true)
    throw new OperatorError("--yes must be passed in to remove a stack", ExitCode.configuration);
  const { latest } = backend.checkpoint(stack).checkpoint;
  if (latest?.resources?.length) {
    throw new OperatorError(
      `'${stack}' still has resources; removal rejected. Nothing was done.\n- \`destroy --stack ${stack}\` deletes them; \`stack rm\` afterwards forgets the stack`,
    );
  }
  const unlock = lockStack(backend.location, stack, (line) => context.print(line));
  try {
    const file = backend.location.checkpoint(stack);
    for (const name of [file, `${file}.bak`, `${file}.attrs`, `${file}.bak.attrs`]) fs.rmSync(name, { force: true });
    fs.rmSync(backend.location.history(stack), { recursive: true, force: true });
    if (context.flags["preserve-config"] !== true) fs.rmSync(backend.config(stack).file, { force: true });
    if (backend.selected === stack) backend.select(undefined);
  } finally {
    unlock();
  }
  context.print(`Stack '${stack}' has been removed!`);
  return ExitCode.success;
}

/** `stack`: which one is selected, and what it holds. */
export function show(context: CommandContext): number {
  expectArguments("stack", context.args, 0, 0);
  const backend = context.backend();
  const stack = backend.requireStack(textFlag(context, "stack"));
  const { latest } = backend.checkpoint(stack).checkpoint;
  context.print(`Current stack is ${stack}:`);
  if (latest?.manifest?.time)
    context.print(`    Last updated: ${latest.manifest.time}\n    Written by: ${latest.manifest.version ?? "?"}`);
  context.print(`Current stack resources (${latest?.resources?.length ?? 0}):`);
  const showUrns = context.flags["show-urns"] === true;
  const rows = (latest?.resources ?? []).map(({ type, urn }) => {
    return [String(type), String(urn).split("::").pop() ?? "", ...(showUrns ? [String(urn)] : [])];
  });
  context.print(table(["TYPE", "NAME", ...(showUrns ? ["URN"] : [])], rows, "    "));
  return ExitCode.success;
}

/** `cancel`: removes the stack's locks, when whoever held them is gone. */
export function cancel(context: CommandContext): number {
  expectArguments("cancel", context.args, 0, 1);
  const backend = context.backend();
  const stack = backend.requireStack(context.args[0] ?? textFlag(context, "stack"));
  if (context.flags.yes !== true)
    throw new OperatorError("--yes must be passed in to cancel another process's update", ExitCode.configuration);
  const removed = breakLocks(backend.location, stack);
  for (const lock of removed) context.print(`Removed the lock ${lock}`);
  context.print(
    removed.length > 0
      ? `The currently running update for '${stack}' has been canceled!`
      : `Stack '${stack}' was not locked.`,
  );
  return ExitCode.success;
}
