import { createHmac } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

import { z } from "zod";

import type { ProcessSpec } from "../runtime";

/** What we remember of a service, in `<stateFolder>/<name>.json`. No secrets are in it. */
export interface ServiceRecord {
  /** Written before the process exists, so that one whose pid was never noted can be found: see `token`. */
  readonly pid: number | null;
  readonly identity: string | null;
  /** Random; value of a variable in the process's environment. */
  readonly token: string;
  readonly release: string;
  readonly specDigest: string;
  readonly startedAt: string;
  /** It ran before us and answers no version: this is what it was taken for. */
  readonly adopted: boolean;
}

const schema = z.object({
  // A number below 1 would name a process group, or every process there is.
  pid: z.int().positive().nullable(),
  identity: z.string().nullable(),
  token: z.string(),
  release: z.string(),
  specDigest: z.string(),
  startedAt: z.string(),
  adopted: z.boolean(),
});

/** The variable that tells our processes from others. */
export const tokenVariable = "OCTOLLM_SERVICE_TOKEN";

function fileOf(spec: ProcessSpec): string {
  return join(spec.stateFolder, `${spec.name}.json`);
}

/**
 * Tells whether a service would be started differently.
 *
 * @param key - the record's token: the environment holds secrets, and a plain digest of them could be guessed at
 */
export function digestOf(spec: ProcessSpec, key: string): string {
  const environment = Object.entries(spec.environment).sort(([a], [b]) => (a < b ? -1 : 1));
  // An installation that was moved as a whole is the same.
  const directory = relative(spec.stateFolder, spec.directory);
  const parts = [spec.command, directory, environment, spec.port, spec.health, spec.release];
  return createHmac("sha256", key).update(JSON.stringify(parts)).digest("hex").slice(0, 16);
}

/** What we remember of this service; null when that is nothing, or was written by nobody of ours. */
export function readRecord(spec: ProcessSpec): ServiceRecord | null {
  try {
    return schema.parse(JSON.parse(readFileSync(fileOf(spec), "utf8")));
  } catch {
    return null;
  }
}

/** Writes the record, whole or not at all. */
export function writeRecord(spec: ProcessSpec, record: ServiceRecord): void {
  mkdirSync(spec.stateFolder, { recursive: true, mode: 0o700 });
  const temporary = `${fileOf(spec)}.new`;
  rmSync(temporary, { force: true });
  writeFileSync(temporary, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  renameSync(temporary, fileOf(spec));
}

/** Forgets the service. */
export function removeRecord(spec: ProcessSpec): void {
  rmSync(fileOf(spec), { force: true });
}
