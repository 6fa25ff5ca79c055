import { indexBuildOf } from "../postgres/index-builds";
import { ledgerSchema } from "../postgres/ledger-schema";
import { type ParsedStatement, parseStatements } from "../postgres/statements";
import type { Catalogue, Migration, Script } from "../releases/release";
import { markerLine } from "./marker";
import { pythonString, pythonText } from "./python";

/** The name of a revision's version file: that of its migration, with another ending. */
export function versionFileName({ file }: Migration): string {
  return `${(file.split("/").at(-1) ?? "").replace(/\.sql$/, "")}.py`;
}

/** When a revision was made, as Alembic prints it: the day of its release. */
export function createDate({ releases }: Catalogue, { release }: Migration): string {
  const { date = "1970-01-01" } = releases.find(({ version }) => version === release) ?? {};
  return `${date} 00:00:00`;
}

/** What Alembic calls the message of a revision, and shows by `--verbose`. */
export function docstring(catalogue: Catalogue, migration: Migration): string[] {
  const { title, revision, downRevision } = migration;
  return [
    title,
    "",
    `Revision ID: ${revision}`,
    `Revises: ${downRevision ?? ""}`,
    `Create Date: ${createDate(catalogue, migration)}`,
  ];
}

/**
 * A migration as an Alembic version file: the same statements, to the letter, in the same transactions.
 *
 * @returns the text of the file
 */
export function versionFile(catalogue: Catalogue, migration: Migration): string {
  const { file, revision, downRevision } = migration;
  const bodies = {
    upgrade: migration.upBatched?.only ? [refusalOfBatches(migration, "upgrade")] : bodyOf(migration, migration.up),
    downgrade: downgradeOf(migration),
  };
  const all = [...bodies.upgrade, ...bodies.downgrade].join("\n");
  return [
    `${markerLine("#")} (from ${file})`,
    pythonText(`${docstring(catalogue, migration).join("\n")}\n`),
    "from alembic import context, op",
    "from alembic.util import CommandError",
    "",
    `revision = ${pythonString(revision)}`,
    `down_revision = ${downRevision === null ? "None" : pythonString(downRevision)}`,
    "branch_labels = None",
    "depends_on = None",
    ...runFunction,
    ...(all.includes("require_valid(") ? requireFunction : []),
    ...functionOf("upgrade", bodies.upgrade),
    ...functionOf("downgrade", bodies.downgrade),
    "",
  ].join("\n");
}

const runFunction = `

def run(statement):
    """Hands a statement to the server as it stands: ':' and '%' in it are nobody's parameters."""
    if context.is_offline_mode():
        op.get_context().impl.static_output(statement + ";")
    else:
        op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})
`.split("\n");

const requireFunction = `
def require_valid(index, table):
    """A build that was cut short leaves an INVALID index, which IF NOT EXISTS would take for done."""
    if context.is_offline_mode():
        return
    found = op.get_bind().exec_driver_sql(
        "SELECT i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indrelid = to_regclass(%s) AND c.relname = %s",
        (table, index),
    ).scalar()
    if found is False:
        raise CommandError(
            f"Index {index} is INVALID: a build of it was cut short. {revision} is not stamped. Then run this again:\\n"
            f"  DROP INDEX CONCURRENTLY {index};"
        )
`.split("\n");

function functionOf(name: string, body: readonly string[]): string[] {
  return ["", `def ${name}():`, ...body, ""];
}

function bodyOf({ transaction }: Migration, script: Script): string[] {
  const calls = parseStatements(script.sql.join("\n")).flatMap(callsOf);
  if (transaction === "transactional") return calls.map((call) => `    ${call}`);
  return ["    with op.get_context().autocommit_block():", ...calls.map((call) => `        ${call}`)];
}

function callsOf(statement: ParsedStatement): string[] {
  const run = `run(${pythonText(statement.sql)})`;
  const build = indexBuildOf(statement);
  if (!build?.name) return [run];
  return [run, `require_valid(${pythonString(build.name)}, ${pythonString(build.table)})`];
}

/** What is lost is accepted by name, as everywhere: Alembic asks nobody. */
function gate({ revision, downClass, downLoss }: Migration): string[] {
  if (downClass !== "lossy") return [];
  const text =
    `Undoing ${revision} loses data: ${downLoss ?? ""}. Nothing of it was changed. ` +
    `To accept that: alembic -x accept_loss=${revision} downgrade ...`;
  return [
    `    if context.get_x_argument(as_dictionary=True).get("accept_loss") != revision:`,
    `        raise CommandError(${pythonString(text)})`,
  ];
}

function refusal({ revision, downLoss }: Migration): string {
  const text =
    `${revision} has no way down: it would lose ${downLoss ?? "data"}. Nothing of it was changed. ` +
    "A backup leads back: octollm backups list";
  return `    raise CommandError(${pythonString(text)})`;
}

function downgradeOf(migration: Migration): string[] {
  const { down, downBatched } = migration;
  if (down === null) return [refusal(migration)];
  if (downBatched?.only) return [refusalOfBatches(migration, "downgrade")];
  return [...gate(migration), ...bodyOf(migration, down)];
}

/** Batches have a place that they have come to, which Alembic does not know of. */
function refusalOfBatches({ revision }: Migration, way: "upgrade" | "downgrade"): string {
  const text =
    `${revision} changes rows in batches, which Alembic cannot. Nothing of it was changed. ` +
    `octollm migrate ${way} leads there, and Alembic goes on from it`;
  return `    raise CommandError(${pythonString(text)})`;
}

/** Whether a migration keeps values in the ledger, or looks for them there. */
export function usesLedger({ up, down }: Migration): boolean {
  return [...up.sql, ...(down?.sql ?? [])].some((line) => line.includes(ledgerSchema));
}
