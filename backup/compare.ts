import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { checkInvariant, compareCounts } from "../postgres/checks";
import { type Client, type DatabaseAddress, withClient } from "../postgres/connection";
import { countsInSnapshot } from "../postgres/counts";
import { readAlembicVersion } from "../postgres/facts";
import { compareSchemas, readSchemaLines, schemaFingerprint } from "../postgres/schema-lines";
import { inTransaction } from "../postgres/transaction";
import type { Invariant } from "../releases/release";
import { type Manifest, schemaFile } from "./manifest";

export interface Expected {
  readonly counts: Manifest["counts"];
  /** As `readSchemaLines` gives it. */
  readonly schema: readonly string[];
  readonly revision: string | null;
  readonly invariants: readonly Invariant[];
}

/** @param folder - of a backup, decrypted */
export async function loadSchema(folder: string): Promise<string[]> {
  return (await readFile(join(folder, schemaFile), "utf8")).split("\n").filter((line) => line !== "");
}

/** How a comparison differs from that of a database with its own backup. */
export interface Comparison {
  /** What of a line of the schema has to be equal; all of it unless given. */
  readonly lineOf?: (line: string) => string;
  /** Further differences, found in the same snapshot. */
  readonly besides?: (client: Client) => Promise<string[]>;
}

/**
 * Compares a database with what a backup says of itself: rows of every table, every object, revision, and the invariants
 * of its release.
 *
 * @returns each difference as a line; empty when there is none
 */
export async function compareDatabase(
  address: DatabaseAddress,
  expected: Expected,
  { lineOf = (line) => line, besides }: Comparison = {},
): Promise<string[]> {
  return withClient(address, { name: "compare", readOnly: true }, async (client) => {
    const faults: string[] = [];
    for (const invariant of expected.invariants) {
      const { check, passed, detail } = await checkInvariant(client, invariant);
      if (!passed) faults.push(`${check}: ${detail}`);
    }
    return inTransaction(client, "ISOLATION LEVEL REPEATABLE READ READ ONLY", async () => {
      const [revision = null] = (await readAlembicVersion(client)) ?? [];
      if (revision !== expected.revision)
        faults.push(`alembic_version: ${revision ?? "none"} instead of ${expected.revision ?? "none"}`);
      faults.push(...((await besides?.(client)) ?? []));
      const counts = compareCounts(expected.counts, await countsInSnapshot(client));
      faults.push(...counts.filter(({ passed }) => !passed).map(({ check, detail }) => `${check}: ${detail}`));
      const schema = (await readSchemaLines(client)).map(lineOf);
      const wanted = expected.schema.map(lineOf);
      if (schemaFingerprint(schema) === schemaFingerprint(wanted)) return faults;
      const { missing, added } = compareSchemas(wanted, schema);
      return [...faults, ...missing.map((line) => `is missing: ${line}`), ...added.map((line) => `is new: ${line}`)];
    });
  });
}
