import path from "node:path";
import process from "node:process";

import { engineVersion } from "./backend/checkpoint";
import { type Flags, globalFlags, parseCommand, stackFlags } from "./cli-options";
import * as config from "./commands/config";
import { type CommandContext, type EngineIo, makeContext } from "./commands/context";
import { destroy, destroyFlags, preview, previewFlags, refresh, refreshFlags, up, upFlags } from "./commands/deploy";
import { history } from "./commands/history";
import * as stack from "./commands/stack";
import { editState, exportState, importState } from "./commands/stack-state";
import { ExitCode, messageOf, NotImplementedError, OperatorError } from "./errors";

export { Backend, openBackend } from "./backend/backend";
export { engineVersion } from "./backend/checkpoint";
export type { LoadedState } from "./backend/checkpoint";
export type { EngineIo } from "./commands/context";
export type { ConfigValue } from "./config/stack-config";
export { OperatorError } from "./errors";
export { isSecret, type PropertyMap, type PropertyValue, unwrapSecrets } from "./property/value";
export type { ResourceState } from "./state/resource";

interface Command {
  about: string;
  flags: Flags;
  run(context: CommandContext): Promise<number> | number;
}

const json: Flags = { json: { type: "boolean", short: "j" } };
const showSecrets: Flags = { "show-secrets": { type: "boolean" } };
const yes: Flags = { yes: { type: "boolean", short: "y" } };
const marking: Flags = { ...stackFlags, ...yes, all: { type: "boolean" } };
const asPath: Flags = { path: { type: "boolean" } };

const commands: Record<string, Command> = {
  preview: { about: "show what `up` would do", flags: previewFlags, run: preview },
  up: { about: "preview, ask, and update the stack's resources", flags: upFlags, run: up },
  refresh: { about: "bring the state to what is really there", flags: refreshFlags, run: refresh },
  destroy: { about: "delete all of the stack's resources", flags: destroyFlags, run: destroy },
  "stack init": {
    about: "make a stack and select it",
    flags: { ...stackFlags, "no-select": { type: "boolean" } },
    run: stack.init,
  },
  "stack select": {
    about: "select a stack",
    flags: { ...stackFlags, create: { type: "boolean", short: "c" } },
    run: stack.select,
  },
  "stack ls": { about: "list the stacks", flags: json, run: stack.ls },
  "stack output": {
    about: "show the stack's outputs",
    flags: { ...stackFlags, ...json, ...showSecrets },
    run: stack.output,
  },
  "stack export": {
    about: "write out the stack's state",
    flags: { ...stackFlags, ...showSecrets, file: { type: "string" } },
    run: exportState,
  },
  "stack import": {
    about: "replace the stack's state by an exported one",
    flags: { ...stackFlags, file: { type: "string" }, force: { type: "boolean", short: "f" } },
    run: importState,
  },
  "stack history": {
    about: "list what was done to the stack",
    flags: { ...stackFlags, ...json, ...showSecrets },
    run: history,
  },
  "stack rm": {
    about: "forget a stack without resources",
    flags: { ...stackFlags, ...yes, force: { type: "boolean", short: "f" }, "preserve-config": { type: "boolean" } },
    run: stack.remove,
  },
  stack: {
    about: "show the selected stack",
    flags: { ...stackFlags, "show-urns": { type: "boolean", short: "u" } },
    run: stack.show,
  },
  "state taint": { about: "have resources replaced by the next `up`", flags: marking, run: editState("taint") },
  "state untaint": { about: "take that back", flags: marking, run: editState("untaint") },
  "state protect": { about: "protect resources from deletion", flags: marking, run: editState("protect") },
  "state unprotect": { about: "take that back", flags: marking, run: editState("unprotect") },
  "config set": {
    about: "change a setting of the stack",
    flags: { ...stackFlags, ...asPath, secret: { type: "boolean" }, plaintext: { type: "boolean" } },
    run: config.set,
  },
  "config get": { about: "show one setting", flags: { ...stackFlags, ...json, ...asPath }, run: config.get },
  "config rm": { about: "remove a setting", flags: { ...stackFlags, ...asPath }, run: config.remove },
  config: { about: "list the stack's settings", flags: { ...stackFlags, ...json, ...showSecrets }, run: config.list },
  cancel: { about: "remove the stack's locks", flags: { ...stackFlags, ...yes }, run: stack.cancel },
};

const aliases: Record<string, string> = {
  update: "up",
  pre: "preview",
  "config ls": "config",
  "stack list": "stack ls",
};

/** Finds the command: its words may stand after global flags. */
function findCommand(argv: string[]): { name: string; command: Command; rest: string[] } {
  const words = argv.flatMap((argument, index) => (argument.startsWith("-") ? [] : [{ argument, index }]));
  const [first, second] = words;
  const two = first && second && second.index === first.index + 1 ? `${first.argument} ${second.argument}` : "";
  for (const typed of [two, first?.argument ?? ""]) {
    const name = aliases[typed] ?? typed;
    const command = commands[name];
    if (!command || !first) continue;
    const isGroup = name === typed && Object.keys(commands).some((other) => other.startsWith(`${name} `));
    if (isGroup && second && second.index === first.index + 1) break;
    const count = typed.split(" ").length;
    return { name, command, rest: [...argv.slice(0, first.index), ...argv.slice(first.index + count)] };
  }
  throw new NotImplementedError(
    `the command '${two || (first?.argument ?? argv.join(" "))}'`,
    "`--help` lists the commands.",
  );
}

function helpText(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const lines = Object.entries(commands).map(([name, { about }]) => `  ${name.padEnd(width)}  ${about}`);
  return [`standalone engine (${engineVersion}): the Pulumi CLI's words and flags, and its state`, "", ...lines].join(
    "\n",
  );
}

function commandHelp(name: string, { about, flags }: Command): string {
  const lines = Object.entries({ ...flags, ...globalFlags }).map(([flag, { type, short }]) => {
    return `  ${short ? `-${short}, ` : "    "}--${flag}${type === "string" ? " <value>" : ""}`;
  });
  return [`${name}: ${about}`, "", ...lines].join("\n");
}

async function run(argv: string[], io: EngineIo): Promise<number> {
  if (argv.length === 0 || (argv.length === 1 && ["--help", "-h", "help"].includes(argv[0] ?? ""))) {
    io.stdout.write(`${helpText()}\n`);
    return argv.length === 0 ? ExitCode.configuration : ExitCode.success;
  }
  const { name, command, rest } = findCommand(argv);
  const parsed = parseCommand(name, rest, command.flags);
  if (parsed.flags.help === true) {
    io.stdout.write(`${commandHelp(name, command)}\n`);
    return ExitCode.success;
  }
  const cwd = typeof parsed.flags.cwd === "string" ? path.resolve(io.cwd, parsed.flags.cwd) : io.cwd;
  return command.run(makeContext({ ...io, cwd }, parsed));
}

/**
 * Runs one command of the standalone engine, in Pulumi's own words (`["preview", "--diff"]`), and returns its exit code.
 * What an operator can act on is written to `stderr` as text; anything else is a defect and is thrown.
 */
export async function runEngine(argv: string[], io: Partial<EngineIo> = {}): Promise<number> {
  const { stdout, stderr, stdin, env } = process;
  const complete: EngineIo = { stdout, stderr, stdin, env, cwd: process.cwd(), ...io };
  try {
    return await run(argv, complete);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    complete.stderr.write(`error: ${messageOf(error)}\n`);
    return error.exitCode;
  }
}
