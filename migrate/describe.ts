import type { RevisionStep } from "../planner/plan";
import type { SchemaMove } from "../planner/schema-move";
import { row } from "../planner/summary";
import { type DatabaseAddress, describeAddress } from "../postgres/connection";

/** What is asked for, in words and numbers that its operator sees before anything is done. */
export interface Described {
  readonly address: DatabaseAddress;
  readonly move: SchemaMove;
  /** How much it works on, and how long that took before; a line each. */
  readonly estimates: readonly string[];
  /** Folder of the backup that is made first; null for none. */
  readonly backups: string | null;
  /** Why no backup is made. */
  readonly noBackup: string;
}

/** Everything that a move of the schema does: its SQL to the letter, locks, loss, backup. */
export function describeMove({ address, move, estimates, backups, noBackup }: Described): string[] {
  const { before, after, steps, stops, loss, breaks } = move;
  return [
    ...row("database", describeAddress(address)),
    ...row("revision", `${before ?? "none"} -> ${after ?? "none"}`),
    ...steps.flatMap(describeStep),
    "",
    ...estimates,
    ...breaks.flatMap((text) => row("breaks", text)),
    ...row("stops", stops.length > 0 ? "no other client may be connected:" : "nobody: clients may go on"),
    ...stops.flatMap((text) => row("", text)),
    ...row(
      "backup",
      backups === null ? noBackup : `the database and its .env, into ${backups}, before anything changes`,
    ),
    ...row("loses", loss.kinds.length > 0 ? `${loss.kinds.join("; ")} (loss id ${loss.id ?? ""})` : "nothing"),
    "",
  ];
}

function describeStep({ revision, direction, title, release, transaction, sql, facts }: RevisionStep): string[] {
  return [
    "",
    ...row(direction === "up" ? "applies" : "undoes", `${revision}, ${title} (OctoLLM ${release})`),
    ...facts.flatMap((text) => row("locks", text)),
    ...row("runs", transaction === "none" ? "each statement by itself" : "in one transaction"),
    ...sql.map((line) => `  ${line}`.trimEnd()),
  ];
}
