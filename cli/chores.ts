import { Command, CommanderError } from "commander";

import { programVersion } from "../version";
import { abortCommand } from "./abort";
import { adoptCommand } from "./adopt";
import { backupsCommand } from "./backups";
import { codemodCommand } from "./codemod";
import { envCommand } from "./env";
import { installCommand } from "./install";
import { migrateCommand } from "./migrate";
import { rehearseCommand } from "./rehearse";
import { releasesCommand } from "./releases";
import { serviceCommand } from "./service";
import { statusCommand } from "./status";
import { verifyCommand } from "./verify";

const engineHelp = `
Pulumi's words, with Pulumi's flags:
  preview [--diff|--json]   show the whole upgrade, touch nothing
          [--report <file>] and write it to a .html or .md file
  up [--yes]                do it
  refresh                   ask what is really there, change only the state
  destroy                   forget the installation; deletes no data
  stack, state, config      stacks, their state and their settings
  cancel                    remove the lock of a run that is no more
  --engine <name>           'pulumi' or 'standalone', in place of what this machine has

An upgrade:  octollm config set version 1.0.0 && octollm preview && octollm up
The way back: set the old version again.`;

/**
 * Runs one of the words that are not Pulumi's: the chores around an upgrade.
 *
 * @param engine - what `--engine` said, for those that run one
 * @returns the exit code
 */
export async function runChore(argv: readonly string[], engine?: string): Promise<number> {
  const program = new Command("octollm")
    .description("Takes an OctoLLM installation from one version to another, and back.")
    .version(programVersion)
    .addHelpText("after", engineHelp)
    .addCommand(adoptCommand())
    .addCommand(installCommand())
    .addCommand(statusCommand())
    .addCommand(verifyCommand())
    .addCommand(backupsCommand())
    .addCommand(abortCommand())
    .addCommand(migrateCommand())
    .addCommand(rehearseCommand(engine))
    .addCommand(releasesCommand())
    .addCommand(envCommand())
    .addCommand(codemodCommand())
    .addCommand(serviceCommand(), { hidden: true });
  for (const command of [program, ...program.commands.flatMap((one) => [one, ...one.commands])]) command.exitOverride();
  try {
    await program.parseAsync(argv, { from: "user" });
    // A command may end well and still have something to say by its code.
    return Number(process.exitCode ?? 0);
  } catch (error) {
    // Commander has already said what was wrong with the command line.
    if (error instanceof CommanderError) return error.exitCode;
    throw error;
  }
}
