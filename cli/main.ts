import { Command, CommanderError } from "commander";

import { programVersion } from "../version";
import { note } from "./output";
import { serviceCommand } from "./service";

async function main(argv: readonly string[]): Promise<number> {
  const program = new Command("octollm").version(programVersion).exitOverride();
  program.addCommand(serviceCommand());
  try {
    await program.parseAsync(argv, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    note(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

void main(process.argv.slice(2)).then((code) => (process.exitCode = code));
