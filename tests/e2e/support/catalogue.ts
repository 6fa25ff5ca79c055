import { cpSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { stringify } from "yaml";

import { ownCatalogue } from "../../../releases/catalogue";

/** One revision of an invented release. */
export interface InventedRevision {
  readonly revision: string;
  readonly up: string;
  /** Null where there is no way down. */
  readonly down: string | null;
  /** `exact` unless the header says what is lost. */
  readonly downLoss?: string;
  readonly previousCode?: "runs" | "breaks";
  readonly writers?: "stopped" | "online";
  readonly transaction?: "transactional" | "none";
  readonly phase?: "pre" | "post";
}

/** A revision that adds a column to `tasks`, and takes it away again. */
export function addsColumn(revision: string, column: string): InventedRevision {
  return {
    revision,
    up: `ALTER TABLE tasks ADD COLUMN ${column} integer;`,
    down: `ALTER TABLE tasks DROP COLUMN ${column};`,
  };
}

export interface InventedRelease {
  readonly version: string;
  /** Revision that the first one follows. */
  readonly after: string;
  readonly revisions: readonly InventedRevision[];
}

/** Name of the folder below a project, as the setting `catalogue` wants it. */
export const inventedCatalogue = "catalogue";

/**
 * Writes a catalogue of our own releases up to `last` and an invented one after them.
 *
 * @param project - folder that gets it, as `catalogue`
 */
export function inventRelease(project: string, release: InventedRelease, last: "0.1.0" | "1.0.0"): void {
  const folder = join(project, inventedCatalogue);
  mkdirSync(folder, { recursive: true });
  for (const version of readdirSync(ownCatalogue).filter((name) => /^\d/.test(name) && name <= last))
    cpSync(join(ownCatalogue, version), join(folder, version), { recursive: true });
  const { version, revisions, after } = release;
  mkdirSync(join(folder, version, "migrations"), { recursive: true });
  writeFileSync(join(folder, version, "release.yaml"), stringify(describeRelease(release)));
  revisions.forEach((revision, index) =>
    writeFileSync(
      migrationFile(project, version, revision),
      describeRevision(revision, revisions[index - 1]?.revision ?? after),
    ),
  );
}

function describeRelease({ version, revisions }: InventedRelease): object {
  return {
    version,
    date: "2026-06-01",
    type: "minor",
    notes: ["Invented by a test"],
    images: {},
    revision: revisions.findLast(({ phase }) => phase !== "post")?.revision,
    strict_head: false,
    required_stop: false,
    environment: [{ add: "INVENTED", default: "yes" }],
    api: [],
    smoke: [{ service: "orchestrator", method: "GET", path: "/api/v1/tasks", status: 200 }],
    invariants: [],
    indexes: [],
  };
}

function migrationFile(project: string, version: string, { revision }: InventedRevision): string {
  return join(project, inventedCatalogue, version, "migrations", `${revision}_invented.sql`);
}

function describeRevision(invented: InventedRevision, downRevision: string): string {
  const { revision, up, down, downLoss, transaction = "transactional", phase = "pre" } = invented;
  return [
    `-- revision: ${revision}`,
    `-- down_revision: ${downRevision}`,
    `-- title: invented ${revision}`,
    `-- transaction: ${transaction}`,
    `-- phase: ${phase}`,
    `-- previous_code: ${invented.previousCode ?? "runs"}`,
    `-- writers: ${invented.writers ?? "online"}`,
    `-- down: ${down === null ? "none" : downLoss === undefined ? "exact" : "lossy"}`,
    ...(downLoss === undefined ? [] : [`-- down_loss: ${downLoss}`]),
    ...(down === null || downLoss === undefined ? [] : ["-- down_loss_count: SELECT count(*) FROM tasks"]),
    "",
    "-- up",
    up,
    ...(down === null ? [] : ["", "-- down", down]),
    "",
  ].join("\n");
}
