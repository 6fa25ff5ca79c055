import { parseArgs } from "node:util";

import { ExitCode, NotImplementedError, OperatorError } from "./errors";

interface Flag {
  type: "boolean" | "string";
  short?: string;
  /** May be given several times. */
  multiple?: boolean;
}

/** Flags of a command by name. */
export type Flags = Record<string, Flag>;

/** What was typed, read by a command's own flags. */
export interface Parsed {
  flags: Record<string, string | boolean | (string | boolean)[] | undefined>;
  args: string[];
}

export const globalFlags: Flags = {
  cwd: { type: "string", short: "C" },
  color: { type: "string" },
  "non-interactive": { type: "boolean" },
  help: { type: "boolean", short: "h" },
};

export const stackFlags: Flags = { stack: { type: "string", short: "s" } };

/** Flags of the Pulumi CLI that this engine knows of and does not have. */
const refusedFlags = new Set([
  ...["target-dependents", "exclude", "exclude-dependents", "policy-pack", "policy-pack-config"],
  ...[
    "run-program",
    "save-plan",
    "plan",
    "import-file",
    "show-config",
    "show-reads",
    "show-replacement-steps",
    "show-sames",
  ],
  ...[
    "config",
    "config-file",
    "config-path",
    "secrets-provider",
    "continue-on-error",
    "suppress-outputs",
    "suppress-progress",
    "suppress-permalink",
  ],
  ...[
    "attach-debugger",
    "ignore-protect",
    "tracing",
    "profiling",
    "logtostderr",
    "logflow",
    "verbose",
    "debug",
    "events",
    "client",
    "copilot",
    "neo",
  ],
  ...["remove", "exclude-protected", "import-pending-creates", "skip-pending-creates", "version", "all"],
]);

/** Reads a command's arguments; what it does not know is refused by name. */
export function parseCommand(command: string, argv: string[], own: Flags): Parsed {
  const options = { ...globalFlags, ...own };
  for (const argument of argv) {
    if (argument === "--") break;
    const long = /^--([^=]+)/.exec(argument)?.[1];
    const short = /^-([A-Za-z])/.exec(argument)?.[1];
    if (long && !(long in options)) {
      if (refusedFlags.has(long)) throw new NotImplementedError(`\`${command} --${long}\``);
      throw new OperatorError(`unknown flag: --${long}. \`${command} --help\` lists what there is.`);
    }
    if (short && !Object.values(options).some((flag) => flag.short === short)) {
      throw new OperatorError(`unknown shorthand flag: '${short}' in ${argument}`);
    }
  }
  try {
    const { values, positionals } = parseArgs({ args: argv, options, allowPositionals: true, strict: true });
    return { flags: values, args: positionals };
  } catch (error) {
    throw new OperatorError((error as Error).message, ExitCode.configuration);
  }
}

/** At most so many arguments, or a refusal. */
export function expectArguments(command: string, args: string[], least: number, most: number): void {
  if (args.length >= least && args.length <= most) return;
  const expected = least === most ? String(least) : `${least} to ${most}`;
  throw new OperatorError(
    `\`${command}\` takes ${expected} argument(s), got ${args.length}: ${args.join(" ")}`,
    ExitCode.configuration,
  );
}
