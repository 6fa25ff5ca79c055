import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { z } from "zod";

import { BackupError } from "./errors";

/** Names of what lies in a backup's folder. */
export const manifestFile = "manifest.json";
export const databaseFolder = "database";
export const databaseFile = "database.dump";
export const environmentCopy = "environment.env";
export const configArchive = "config.tar.gz";
export const composeCopy = "docker-compose.yml";
export const objectsFile = "objects.yaml";
/** Archives of volumes, by the volume's name. */
export const volumesFolder = "volumes";
/** Every object of the database as a line, and what belongs to it but is in no dump. */
export const schemaFile = "schema.txt";
export const clusterFile = "cluster.json";
/** Every file but the manifest ends so when the backup is encrypted. */
export const ageEnding = ".age";

/** The format that this program writes; it reads this and every earlier one. */
export const formatVersion = 1;

// A path of a manifest is joined to the backup's folder: it must not lead out of it.
const relativePath = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/, "is not a plain relative path");
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "is no SHA-256");
const wholeNumber = z.number().int().nonnegative();

const schema = z.strictObject({
  formatVersion: z.literal(formatVersion),
  id: z.string().min(1),
  created: z.iso.datetime(),
  installation: z.strictObject({
    database: z.string(),
    /** Null when the role may not read it. */
    systemIdentifier: z.string().nullable(),
    serverVersion: z.string(),
    /** Size on the server's disk. */
    bytes: wholeNumber,
  }),
  tool: z.strictObject({
    program: z.string(),
    version: z.string(),
    compression: z.string(),
    /** pg_dump's: a folder, or one file where it could only be written to a stream. */
    format: z.enum(["directory", "custom"]).default("directory"),
  }),
  release: z.string(),
  revision: z.string().nullable(),
  planId: z.string(),
  attempt: wholeNumber,
  counts: z.record(z.string(), wholeNumber),
  /** Size of each table in the database, `schema.table`; rows as the planner's statistics had them. */
  tables: z.record(z.string(), z.strictObject({ bytes: wholeNumber, rows: z.number().nonnegative() })),
  /** Fingerprint of the schema in the dump's own snapshot. */
  schema: sha256,
  /** How it was proven when it was made: read back, or restored into a scratch database. */
  verified: z.enum(["checksums", "restore"]),
  /** First digits of the SHA-256 of `.env`: of an encrypted backup, nothing else tells what it was like. */
  environment: z.string().regex(/^[0-9a-f]{12}$/),
  encryption: z.strictObject({ recipients: z.array(z.string()) }).nullable(),
  files: z.array(z.strictObject({ path: relativePath, bytes: wholeNumber, sha256 })),
  seconds: z.number().nonnegative(),
  /** Seconds of each part: dump, encryption, checksums, verification. */
  durations: z.record(z.string(), z.number().nonnegative()),
});

/** What a backup says of itself; docs/backup.md describes each field. */
export type Manifest = z.infer<typeof schema>;
export type BackupFile = Manifest["files"][number];

/** Name of the dump below a backup's folder. */
export function dumpName({ format }: Pick<Manifest["tool"], "format">): string {
  return format === "custom" ? databaseFile : databaseFolder;
}

/**
 * Reads and checks a backup's manifest.
 *
 * @param path - the backup's folder
 * @throws BackupError with every fault
 */
export async function readManifest(path: string): Promise<Manifest> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(join(path, manifestFile), "utf8"));
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const fault = missing
      ? `${manifestFile}: is missing`
      : `${manifestFile}: cannot be read (${(error as Error).message})`;
    throw new BackupError(`'${path}' is no usable backup: ${fault}.`, { faults: [fault], cause: error });
  }
  const result = schema.safeParse(parsed);
  if (result.success) return result.data;
  const faults = result.error.issues.map(
    (issue) => `${manifestFile}: ${issue.path.join(".") || "it"}: ${issue.message}`,
  );
  throw new BackupError(
    `The manifest of backup '${path}' cannot be used:\n${faults.map((fault) => `  ${fault}`).join("\n")}`,
    { faults },
  );
}
