import { dirname, join, relative } from "node:path";

import { type DatabaseWish, findDatabase, type FoundDatabase } from "../migrate/database";
import { describeMove } from "../migrate/describe";
import { lookAtSchema, type SchemaLook } from "../migrate/look";
import { finishAttempt, type MoveRequest, moveUnderLock } from "../migrate/move";
import { judgeMove, type MoveWish, planMove, type PlannedMove } from "../migrate/plan";
import type { Way } from "../migrate/target";
import { describeEstimates } from "../phases/estimates";
import { describeRefusals } from "../phases/faults";
import { describeServer } from "../phases/observe";
import { describeRehearsals } from "../phases/rehearsed";
import { describeAddress } from "../postgres/connection";
import { loadCatalogue } from "../releases/catalogue";
import { note, print } from "./output";
import { agreed, interrupted } from "./prompt";

export interface MoveOptions extends DatabaseWish {
  readonly catalogue?: string;
  readonly backups?: string;
  readonly recipient?: readonly string[];
  /** False when no backup is to be made. */
  readonly backup: boolean;
  readonly acceptBreaking?: string;
  readonly acceptLoss?: string;
  readonly allowHazard?: readonly string[];
  readonly yes?: boolean;
}

/** `octollm migrate upgrade <revision>`. */
export async function upgrade(target: string, options: MoveOptions): Promise<void> {
  await moveTo("upgrade", target, options);
}

/** `octollm migrate downgrade <revision>`. */
export async function downgrade(target: string, options: MoveOptions): Promise<void> {
  await moveTo("downgrade", target, options);
}

async function moveTo(way: Way, target: string, options: MoveOptions): Promise<void> {
  const { acceptBreaking = "", acceptLoss = "", allowHazard: allowHazards = [] } = options;
  const accepted = { acceptBreaking, acceptLoss, allowHazards, reviewedPlan: "" };
  const wish: MoveWish = { way, target, noBackup: !options.backup, accepted };
  const catalogue = await loadCatalogue(options.catalogue);
  const database = await findDatabase(options);
  const { address } = database;
  const seen = await lookAtSchema(address, catalogue);
  const planned = planMove(catalogue, seen, wish);
  const { move, resumes } = planned;
  if (move.steps.length === 0) {
    if (resumes) await finishAttempt(address, resumes, move);
    return print(`Nothing to do: ${describeAddress(address)} is at ${move.after ?? "no revision"}.`);
  }
  const backup = seen.look.database.isEmpty ? null : backupWish(wish, options, database);
  const noBackup = seen.look.database.isEmpty ? "none: the database is empty" : "none, as --no-backup says";
  const backups = backup && (relative(process.cwd(), backup.folder) || ".");
  if (resumes)
    note(
      `Goes on with attempt ${resumes.attempt}, which did not end: from ${resumes.fromVersion} to ${resumes.toVersion}.`,
    );
  const estimates = await estimate(seen, { address, catalogue, move });
  for (const line of describeMove({ address, move, estimates, backups, noBackup })) print(line);
  refuse(planned, judgeMove(catalogue, seen, planned, wish));
  if (!options.yes && !(await agreed("Do this?"))) throw new Error("Not agreed. Nothing was touched.");
  const request: MoveRequest = {
    address,
    catalogue,
    move,
    serves: planned.serves,
    backup,
    again: commandOf(way, target),
  };
  const activity = { signal: interrupted(), progress: note };
  const lookAgain = async () => {
    const now = await lookAtSchema(address, catalogue);
    if (planMove(catalogue, now, wish).move.id !== move.id)
      throw new Error("Somebody else has moved the schema since. Nothing was touched. Run the command again.");
    return now;
  };
  const moved = await moveUnderLock(request, lookAgain, activity);
  print(`Done: ${address.database} is at ${move.after ?? "no revision"} (attempt ${moved.attempt}).`);
  if (moved.backup !== null) print(`Backup: ${relative(process.cwd(), moved.backup)}`);
}

/** What a preview tells of size and time. */
async function estimate(
  { look }: SchemaLook,
  { address, catalogue, move }: Pick<MoveRequest, "address" | "catalogue" | "move">,
): Promise<string[]> {
  const plan = { revisions: { pre: move.steps, post: [] } };
  const { database, measures } = look;
  const seen = { world: { server: describeServer(look) }, database, catalogue, measures };
  return [...describeEstimates(plan, seen), ...(await describeRehearsals(plan, address))];
}

function commandOf(way: Way, target: string): string {
  return `octollm migrate ${way} ${target}`;
}

/** A backup of the database without its `.env` could not be restored: so the file has to be known. */
function backupWish(
  { noBackup }: MoveWish,
  { backups, recipient = [] }: MoveOptions,
  { environmentFile }: FoundDatabase,
): MoveRequest["backup"] {
  if (noBackup) return null;
  if (environmentFile === null)
    throw new Error(
      "A backup holds the installation's .env, and DATABASE_URL does not tell where that is. Nothing was touched. " +
        "Name it (--env FILE), or do without a backup (--no-backup).",
    );
  const folder = backups ?? join(dirname(environmentFile), "backups");
  return { folder, environmentFile, jobs: 2, recipients: recipient };
}

function refuse({ move }: PlannedMove, reasons: ReturnType<typeof judgeMove>): void {
  if (reasons.length === 0) return;
  throw new Error(
    `The schema stays at ${move.before ?? "no revision"}, nothing was touched:\n` +
      describeRefusals(reasons).replace(/^/gm, "  "),
  );
}
