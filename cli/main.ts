import { Command, CommanderError } from "commander";

import { programVersion } from "../version";
import { abortCommand } from "./abort";
import { adoptCommand } from "./adopt";
import { backupsCommand } from "./backups";
import { note } from "./output";
import { engineWords, passThrough } from "./pass-through";
import { serviceCommand } from "./service";
import { statusCommand } from "./status";

const engineHelp = `
Pulumi's words, with Pulumi's flags:
  preview [--diff|--json]   show the whole upgrade, touch nothing
  up [--yes]                do it
  refresh                   ask what is really there, change only the state
  destroy                   forget the installation; deletes no data
  stack, state, config      stacks, their state and their settings
  cancel                    remove the lock of a run that is no more
  --engine <name>           'pulumi' or 'standalone', in place of what this machine has

An upgrade:  octollm config set version 1.0.0 && octollm preview && octollm up
The way back: set the old version again.`;

/** Takes `--engine <name>` out of a command line. */
function takeEngine(argv: readonly string[]): { rest: string[]; engine: string | undefined } {
  const rest = [...argv];
  const at = rest.findIndex((argument) => argument === "--engine" || argument.startsWith("--engine="));
  if (at < 0) return { rest, engine: undefined };
  const [flag = ""] = rest.splice(at, 1);
  if (flag.includes("=")) return { rest, engine: flag.slice("--engine=".length) };
  return { rest, engine: rest.splice(at, 1)[0] ?? "" };
}

async function main(argv: readonly string[]): Promise<number> {
  const { rest, engine } = takeEngine(argv);
  const word = rest.find((argument) => !argument.startsWith("-"));
  if (word !== undefined && engineWords.includes(word)) return passThrough(rest, engine);
  const program = new Command("octollm")
    .description("Takes an OctoLLM installation from one version to another, and back.")
    .version(programVersion)
    .addHelpText("after", engineHelp)
    .addCommand(adoptCommand())
    .addCommand(statusCommand())
    .addCommand(backupsCommand())
    .addCommand(abortCommand())
    .addCommand(serviceCommand(), { hidden: true });
  for (const command of [program, ...program.commands.flatMap((one) => [one, ...one.commands])]) command.exitOverride();
  await program.parseAsync(rest, { from: "user" });
  return 0;
}

main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    // Commander has already said what was wrong with the command line.
    if (!(error instanceof CommanderError)) note(error instanceof Error ? error.message : String(error));
    process.exitCode = error instanceof CommanderError ? error.exitCode : 1;
  },
);
