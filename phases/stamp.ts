import { hostname } from "node:os";

import { headIndex } from "../planner/chain";
import { lockAlembicVersion, stamp } from "../postgres/alembic";
import { withClient } from "../postgres/connection";
import { acquireUpgradeLock } from "../postgres/lock";
import { refusePooler } from "../postgres/pooler";
import { recognise } from "../postgres/recognise";
import { inTransaction } from "../postgres/transaction";
import { loadCatalogue } from "../releases/catalogue";
import { PhaseError } from "./attempt";
import { catalogueFolder, readAddress, type Site } from "./site";

/**
 * Writes the first stamp of a database that has none, when its schema is that of the revision's release.
 *
 * @param revision - head of one of the catalogue's releases
 * @param stack - name of the stack, for the lock
 * @throws PhaseError when the database has a stamp, or its schema is another one; nothing was changed then
 */
export async function stampUnstamped(site: Site, revision: string, stack: string): Promise<void> {
  const catalogue = await loadCatalogue(catalogueFolder(site));
  const address = await readAddress(site, "");
  await refusePooler(address, site.preview.budget * 1000);
  const lock = await acquireUpgradeLock(address, { holder: { stack, host: hostname(), pid: process.pid } });
  try {
    await withClient(address, { name: "stamp" }, async (client) => {
      const looksLike = await recognise(client, catalogue.releases);
      const expected = looksLike === null ? undefined : catalogue.chain[headIndex(catalogue, looksLike)]?.revision;
      if (expected !== revision)
        throw new PhaseError(
          `The database was not stamped: its schema is ${looksLike === null ? "that of no release in the catalogue" : `that of OctoLLM ${looksLike}, revision '${expected}'`}, ` +
            `not that of revision '${revision}'. Nothing was changed.`,
        );
      await inTransaction(client, "", async () => {
        const present = await lockAlembicVersion(client);
        if (present.length > 0)
          throw new PhaseError(
            `The database was not stamped: alembic_version says ${present.join(", ")} already. Nothing was changed. ` +
              "Adopt it without --revision.",
          );
        await stamp(client, { before: null, after: revision });
      });
    });
  } finally {
    await lock.release();
  }
}
