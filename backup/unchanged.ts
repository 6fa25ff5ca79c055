import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";

import { withClient } from "../postgres/connection";
import { errorText } from "../postgres/errors";
import { readSchemaLines } from "../postgres/schema-lines";
import { inTransaction } from "../postgres/transaction";
import { writtenSince } from "../postgres/unwritten";
import type { BackupOptions } from "./backup";
import { readCluster } from "./cluster";
import type { Dump } from "./dump";
import { exists, fingerprint, listFiles } from "./files";

/** What a backup was made of, as far as is needed to tell whether it still is so. */
export interface BackedUpState extends Pick<Dump, "counts" | "schema" | "cluster" | "mark"> {
  /** Digest of `.env`, compose file and config folder. */
  readonly settings: string;
}

type Installation = Pick<BackupOptions, "address" | "envFile" | "composeFile" | "configFolder" | "signal">;

/**
 * Tells whether a backup is still of the state that an installation is in. The services are stopped, so that nobody writes any
 * more; what cannot be proven counts as changed.
 *
 * @returns what has changed since, in words; null when nothing has
 */
export async function changeSince(installation: Installation, made: BackedUpState): Promise<string | null> {
  const { address, signal } = installation;
  try {
    if ((await settingsDigest(installation)) !== made.settings) return "the installation's files";
    return await withClient(address, { name: "backup", readOnly: true }, (client) =>
      inTransaction(client, "ISOLATION LEVEL REPEATABLE READ READ ONLY", async () => {
        signal.throwIfAborted();
        const written = await writtenSince(client, made.mark, made.counts);
        if (written.length > 0) return written.join(", ");
        if (!isDeepStrictEqual(await readSchemaLines(client), made.schema)) return "the schema";
        const cluster = await readCluster(client, address.database);
        return isDeepStrictEqual(cluster, made.cluster) ? null : "roles, or settings of the database";
      }),
    );
  } catch (error) {
    signal.throwIfAborted();
    return `it could not be told what (${errorText(error)})`;
  }
}

/** Digest of all files that a backup takes a copy of. */
export async function settingsDigest({ envFile, composeFile, configFolder, signal }: Installation): Promise<string> {
  const hash = createHash("sha256");
  const add = async (folder: string, path: string) => {
    const { sha256 } = await fingerprint(folder, path, signal);
    hash.update(`${path} ${sha256}\n`);
  };
  if (typeof envFile === "string") await add("/", resolve(envFile));
  else hash.update(envFile);
  if (composeFile !== undefined) await add("/", resolve(composeFile));
  if (configFolder !== undefined && (await exists(configFolder)))
    for (const { path, isPlain } of await listFiles(configFolder)) {
      if (isPlain) await add(configFolder, path);
      else hash.update(`${path}\n`);
    }
  return hash.digest("hex");
}
