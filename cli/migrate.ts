import { Command, InvalidArgumentError } from "commander";

import { hazards } from "../postgres/hazards/table";
import { exportFiles, newRevision } from "./migrate-files";
import { showCurrent, showHistory } from "./migrate-look";
import { downgrade, upgrade } from "./migrate-move";

/** `octollm migrate`: the guide's words for the schema alone, without a stack. */
export function migrateCommand(): Command {
  const command = new Command("migrate").description("move the schema alone, in Alembic's words, without a stack");
  withDatabase(command.command("current"))
    .description("the revision that the database is at")
    .option("-v, --verbose", "all there is to know of it")
    .option("--json", "for programs")
    .action(showCurrent);
  withDatabase(command.command("history"))
    .description("all revisions, newest first")
    .option("-v, --verbose", "all there is to know of each, and what the ledger says of it")
    .option("-i, --indicate-current", "mark the revision that the database is at")
    .option("--json", "for programs")
    .action(showHistory);
  withMove(command.command("upgrade <revision>"))
    .description("apply revisions: up to one, head, or +1")
    .action(upgrade);
  withMove(command.command("downgrade <revision>"))
    .description("undo revisions: down to one, base, or -1")
    .action(downgrade);
  command
    .command("new <message>")
    .description("write an empty migration for the next release")
    .requiredOption("--release <version>", "the release that brings it: a folder of the catalogue")
    .requiredOption("--catalogue <folder>", "folder of releases")
    .action(newRevision);
  withDatabase(command.command("export-alembic <folder>"))
    .description("write an Alembic environment with every revision")
    .action(exportFiles);
  return command;
}

function withDatabase(command: Command): Command {
  return command
    .option("--env <file>", "the installation's .env; else DATABASE_URL of the environment, else .env here")
    .option("--key <name>", "the variable of that file with the URL; DATABASE_URL unless given")
    .option("--host <host>", "in place of the host in the URL")
    .option("--port <port>", "in place of the port in the URL", portNumber)
    .option("--catalogue <folder>", "folder of releases; this program's own unless given");
}

function withMove(command: Command): Command {
  return withDatabase(command)
    .option("--backups <folder>", "folder of backups; 'backups' beside the .env unless given")
    .option("--recipient <key>", "age public key to encrypt the backup to; may be repeated", collect)
    .option("--no-backup", "make no backup before anything changes")
    .option("--accept-breaking <version>", "the breaking release that clients are ready for")
    .option("--accept-loss <id>", "the loss of data that is accepted, by its id")
    .option("--allow-hazard <name>", "a hazard that may be done; may be repeated", collectHazards)
    .option("-y, --yes", "do not ask");
}

function portNumber(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new InvalidArgumentError("It is a number from 1 to 65535.");
}

function collectHazards(text: string, before: readonly string[] = []): string[] {
  if (!Object.hasOwn(hazards, text)) throw new InvalidArgumentError("docs/hazards.md lists them.");
  return [...before, text];
}

function collect(text: string, before: readonly string[] = []): string[] {
  if (!/^age1[a-z0-9]{8,}$/.test(text))
    throw new InvalidArgumentError("It is no age recipient: it begins with 'age1'.");
  return [...before, text];
}
