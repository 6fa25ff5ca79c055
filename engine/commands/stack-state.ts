import path from "node:path";

import { type Checkpoint, encodeCheckpoint, loadState, parseCheckpoint, writeCheckpoint } from "../backend/checkpoint";
import { readIfThere, writeDurably } from "../backend/files";
import { lockStack } from "../backend/lock";
import { expectArguments } from "../cli-options";
import { ExitCode, OperatorError } from "../errors";
import type { ResourceState } from "../state/resource";
import { parseUrn } from "../state/urn";
import { type CommandContext, readStandardInput, textFlag } from "./context";

/** Version and features as they stand outside a deployment; a stack that was never updated counts as version 3. */
function versionOf({ version, features }: Checkpoint): { version: number; features?: string[] } {
  return { version: version || 3, ...(features ? { features } : {}) };
}

/** `stack export`: the state as it is in the file, or with its secrets in plain text. */
export async function exportState(context: CommandContext): Promise<number> {
  expectArguments("stack export", context.args, 0, 0);
  const backend = context.backend();
  const stack = backend.requireStack(textFlag(context, "stack"));
  const checkpoint = backend.checkpoint(stack);
  const { latest } = checkpoint.checkpoint;
  let deployment: Record<string, unknown> = latest ?? {
    manifest: { time: "0001-01-01T00:00:00Z", magic: "", version: "" },
  };
  if (latest && context.flags["show-secrets"] === true) {
    const { codec, resources, pending } = await backend.loadState(stack);
    const operations = pending.map(({ resource, type }) => ({
      resource: codec.encodeJson(resource, "plaintext"),
      type,
    }));
    const plain = resources.map((resource) => codec.encodeJson(resource, "plaintext"));
    deployment = { ...latest, resources: plain, ...(operations.length > 0 ? { pending_operations: operations } : {}) };
    context.warn("warning: the export holds the stack's secrets in plain text");
  }
  const text = `${JSON.stringify({ ...versionOf(checkpoint), deployment }, null, 4)}\n`;
  const file = textFlag(context, "file");
  if (file === undefined) context.terminal.write(text);
  else writeDurably(path.resolve(context.io.cwd, file), text);
  return ExitCode.success;
}

/** Runs a change of the state under the stack's lock. */
async function underLock(context: CommandContext, stack: string, change: () => Promise<void>): Promise<void> {
  const unlock = lockStack(context.backend().location, stack, (line) => context.print(line));
  try {
    await change();
  } finally {
    unlock();
  }
}

function refuseForeign(context: CommandContext, stack: string, checkpoint: Checkpoint): void {
  const project = context.backend().project.name;
  const foreign = checkpoint.checkpoint.latest?.resources?.find(({ urn }) => {
    const parsed = parseUrn(String(urn));
    return parsed.stack !== stack || parsed.project !== project;
  });
  if (foreign && context.flags.force !== true) {
    throw new OperatorError(
      `the resource ${String(foreign.urn)} is not one of stack '${stack}' of project '${project}'. Nothing was imported. ` +
        "Say --force to import it all the same.",
    );
  }
}

/** `stack import`: replaces the state by one that `stack export` wrote; a faulty one is refused. */
export async function importState(context: CommandContext): Promise<number> {
  expectArguments("stack import", context.args, 0, 0);
  const backend = context.backend();
  const stack = backend.requireStack(textFlag(context, "stack"));
  const file = textFlag(context, "file");
  const name = file ?? "standard input";
  const text = file === undefined ? await readStandardInput(context) : readIfThere(path.resolve(context.io.cwd, file));
  if (text === undefined) throw new OperatorError(`the file ${name} does not exist. Nothing was imported.`);
  await underLock(context, stack, async () => {
    const checkpoint = parseExport(name, text, backend.checkpoint(stack));
    refuseForeign(context, stack, checkpoint);
    // Secrets that cannot be decrypted are refused here, before the old state is replaced.
    const { codec, resources, pending } = await loadState(
      checkpoint,
      await backend.secrets(backend.config(stack)),
      backend.passphrase,
    );
    const salt = checkpoint.checkpoint.latest?.secrets_providers?.state?.salt;
    writeCheckpoint(backend.location, stack, encodeCheckpoint(checkpoint, codec, salt, resources, pending));
  });
  context.print("Import complete.");
  return ExitCode.success;
}

/** What `stack export` wrote, as the checkpoint that it came from. */
function parseExport(name: string, text: string, present: Checkpoint): Checkpoint {
  let parsed: { version?: unknown; features?: unknown; deployment?: unknown };
  try {
    parsed = JSON.parse(text) as typeof parsed;
  } catch (error) {
    throw new OperatorError(`${name} cannot be read: ${(error as Error).message}. Nothing was imported.`);
  }
  if (typeof parsed?.deployment !== "object" || parsed.deployment === null)
    throw new OperatorError(`${name} is not what \`stack export\` writes. Nothing was imported.`);
  const { version, features, deployment } = parsed;
  const { stack } = present.checkpoint;
  return parseCheckpoint(name, JSON.stringify({ version, features, checkpoint: { stack, latest: deployment } }));
}

/** What `state <word>` does to one resource. */
const edits: Record<string, (state: ResourceState) => ResourceState> = {
  taint: (state) => ({ ...state, taint: true }),
  untaint: (state) => ({ ...state, taint: false }),
  protect: (state) => ({ ...state, protect: true }),
  unprotect: (state) => ({ ...state, protect: false }),
};

/** `state taint|untaint|protect|unprotect <urn>...`: changes a mark of resources in the state, and nothing else. */
export const editState =
  (word: keyof typeof edits) =>
  async (context: CommandContext): Promise<number> => {
    const backend = context.backend();
    const stack = backend.requireStack(textFlag(context, "stack"));
    const named = new Set(context.args);
    const all = context.flags.all === true;
    if (named.size === 0 && !all)
      throw new OperatorError(`\`state ${word}\` needs the URN of a resource`, ExitCode.configuration);
    const edit = edits[word] as (state: ResourceState) => ResourceState;
    let count = 0;
    await underLock(context, stack, async () => {
      const { checkpoint, codec, resources, pending } = await backend.loadState(stack);
      const known = new Set(resources.filter((state) => !state.delete).map(({ urn }) => urn));
      const missing = [...named].filter((urn) => !known.has(urn));
      if (missing.length > 0) {
        const lines = missing.map((urn) => `No such resource "${urn}" exists in the current state`);
        throw new OperatorError(`${lines.join("\n")}\nNothing was changed. \`stack --show-urns\` lists the URNs.`);
      }
      const edited = resources.map((state) => (!state.delete && (all || named.has(state.urn)) ? edit(state) : state));
      count = edited.filter((state, index) => state !== resources[index]).length;
      const salt = backend.config(stack).salt;
      writeCheckpoint(backend.location, stack, encodeCheckpoint(checkpoint, codec, salt, edited, pending));
    });
    context.print(`${count} resource${count === 1 ? "" : "s"} ${word}ed`);
    return ExitCode.success;
  };
