import type { Client } from "../postgres/connection";
import type { DatabaseSettings } from "../postgres/database-settings";
import { applyDatabaseSettings, createMarkedDatabase, type DatabaseMark, dropDatabase } from "../postgres/databases";
import { compareDatabase, type Expected } from "./compare";
import { BackupError } from "./errors";
import { loadDump, type LoadOptions } from "./load";

/** `address` is the database to be made, on the installation's server. */
export interface BesideOptions extends LoadOptions {
  readonly settings: DatabaseSettings;
  readonly mark: DatabaseMark;
  /** What has to be in it afterwards. */
  readonly expected: Expected;
}

/**
 * Makes a database beside the installation's, loads a backup into it, and compares the two. It is there afterwards only
 * when they are equal.
 *
 * @param client - a session on a maintenance database
 * @throws BackupError whose `faults` name every difference; what loading throws
 */
export async function loadBeside(client: Client, options: BesideOptions): Promise<void> {
  const { address, settings, mark, expected, label, progress } = options;
  const name = address.database;
  await createMarkedDatabase(client, { name, settings, mark });
  try {
    await loadDump(options);
    await applyDatabaseSettings(client, name, settings);
    progress(`${label}: comparing rows, objects and invariants`);
    const faults = await compareDatabase(address, expected);
    if (faults.length > 0)
      throw new BackupError(
        `Backup '${mark.backup}' was loaded into '${name}', and is not what was dumped:\n` +
          `${faults.map((fault) => `  ${fault}`).join("\n")}\n'${name}' was dropped again; the installation's own database was not touched.`,
        { faults },
      );
  } catch (error) {
    await dropDatabase(client, name);
    throw error;
  }
}
