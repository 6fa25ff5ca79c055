import { Command } from "commander";

import { listOfBackups, showBackup } from "./backups-list";
import { pruneCommand } from "./backups-prune";
import { restoreBackup, verifyOne } from "./backups-use";

/** `octollm backups`: what there is, what it is good for, and what can be done with it. */
export function backupsCommand(): Command {
  const command = new Command("backups").description("list, show, verify, restore and prune the backups");
  const stack = ["-s, --stack <name>", "the stack; else the selected one"] as const;
  const json = ["--json", "for programs"] as const;
  command
    .command("list")
    .description("all backups, newest first, and the databases that restores have kept")
    .option(...stack)
    .option(...json)
    .action(listOfBackups);
  command
    .command("show <id>")
    .description("what a backup holds, how it was made, and what it is good for")
    .option(...stack)
    .option(...json)
    .action(showBackup);
  command
    .command("verify <id>")
    .description("read every file of it; --restore also loads it into a scratch database and compares")
    .option(...stack)
    .option("--restore", "load it into a scratch database, which is dropped afterwards")
    .option("--scratch <name>", "name of the scratch database; a new one unless given")
    .action(verifyOne);
  command
    .command("restore <id>")
    .description("set version and restoreFrom, for preview and up to restore it")
    .option(...stack)
    .option("--into <database>", "instead: load it into a new database beside the installation's, to look into")
    .action(restoreBackup);
  command
    .command("prune")
    .description("delete what retention lets go")
    .option(...stack)
    .option("--dry-run", "only say what would go, and why the others stay")
    .action(pruneCommand);
  return command;
}
