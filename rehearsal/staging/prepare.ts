import { lookAtDatabase } from "../../phases/restore-facts";
import { readAddress } from "../../phases/site";
import { findRelease, headIndex, revisionIndex } from "../../planner/chain";
import type { Acceptances } from "../../planner/gates";
import { type Client, type DatabaseAddress, withClient } from "../../postgres/connection";
import { readDatabaseRights } from "../../postgres/databases";
import { readAlembicVersion } from "../../postgres/facts";
import { strictIdentifier } from "../../postgres/identifiers";
import { type Ledger, readLedger } from "../../postgres/ledger";
import { withMaintenance } from "../../postgres/maintenance";
import { readMaskTables } from "../../postgres/mask-facts";
import { refusePooler } from "../../postgres/pooler";
import { loadParser } from "../../postgres/statements";
import type { Catalogue } from "../../releases/release";
import { findCollisions } from "./collisions";
import { RehearsalError } from "./error";
import { newMaskKey, useMaskKey } from "./mask-key";
import { type MaskedTable, planMasking } from "./masking";
import { nameStack, type StackToName } from "./named";
import { judgeRoomForClone } from "./room";
import type { StagingRehearsal } from "./run";

/** A stack of which a rehearsal needs to know more than its names. */
export interface PreparedStack extends StackToName {
  readonly accepted: Acceptances;
  /** Whether it has adopted its installation. */
  readonly isAdopted: boolean;
}

export interface Preparation {
  readonly staging: PreparedStack;
  readonly production: PreparedStack;
  readonly catalogue: Catalogue;
  /** The release that is asked for; undefined for that of production's settings, or the newest. */
  readonly to: string | undefined;
}

/** All that stands in the way of a rehearsal, and what it is made of when nothing does. */
export type Prepared = Omit<StagingRehearsal, "engine" | "project"> & {
  /** Size of production's database, in bytes. */
  readonly bytes: number;
};

/** Refuses with everything that was found; nothing has been touched then. */
function refuse(faults: readonly string[]): void {
  if (faults.length === 0) return;
  throw new RehearsalError(
    `The rehearsal was not begun, nothing was touched:\n${faults.map((fault) => `  ${fault}`).join("\n")}`,
  );
}

/**
 * Looks at both stacks, in READ ONLY sessions, and judges whether staging may be replaced by a clone of production.
 *
 * @throws RehearsalError that lists every collision, or else everything else that stands in the way
 */
export async function prepareRehearsal(preparation: Preparation): Promise<Prepared> {
  const { staging, production, catalogue } = preparation;
  const { rehearsal } = staging.settings;
  await loadParser();
  // First of all: what collides must not even be looked at as if it were staging's.
  const [ours, theirs] = [await nameStack(staging), await nameStack(production)];
  refuse(findCollisions(ours, theirs, rehearsal.mayShare));
  const addresses = {
    production: await readAddress(production.site, production.settings.databaseUrl),
    staging: await readAddress(staging.site, staging.settings.databaseUrl),
  };
  await refusePooler(addresses.production, 10_000);
  const seen = await lookAtProduction(addresses.production, preparation);
  const from = releaseOf(seen, catalogue);
  const to = preparation.to ?? defaultTarget(preparation, from);
  refuse([
    ...judgeReleases(preparation, { from, to, seen }),
    ...seen.faults,
    ...judgeLoadPaths(staging),
    ...(await judgeStaging(addresses.staging, staging, seen)),
    ...(await judgeRoomForClone(addresses.staging, staging.site, seen.bytes)),
  ]);
  return {
    stack: staging.name,
    site: staging.site,
    databaseUrl: staging.settings.databaseUrl,
    settings: rehearsal,
    catalogue,
    from: from ?? "",
    to,
    production: {
      stack: production.name,
      address: addresses.production,
      revision: seen.revision,
      accepted: production.accepted,
    },
    masked: seen.masked,
    staging: addresses.staging,
    bytes: seen.bytes,
  };
}

interface SeenProduction {
  readonly ledger: Ledger;
  readonly revision: string | null;
  readonly masked: readonly MaskedTable[];
  readonly faults: readonly string[];
  readonly bytes: number;
  readonly major: number;
  readonly extensions: readonly string[];
}

async function lookAtProduction(address: DatabaseAddress, { staging }: Preparation): Promise<SeenProduction> {
  return withClient(address, { name: "rehearse", readOnly: true }, async (client) => {
    const { rows } = await client.query<{
      bytes: string;
      major: number;
      path: string[];
      servers: string[];
      extensions: string[];
    }>(
      `SELECT pg_database_size(current_database()) AS bytes, current_setting('server_version_num')::int / 10000 AS major,
              current_schemas(false)::text[] AS path,
              ARRAY(SELECT srvname::text FROM pg_catalog.pg_foreign_server ORDER BY 1) AS servers,
              ARRAY(SELECT extname::text FROM pg_catalog.pg_extension ORDER BY 1) AS extensions`,
    );
    const [
      { bytes, major, path, servers, extensions } = { bytes: "0", major: 0, path: [], servers: [], extensions: [] },
    ] = rows;
    const ledger = await readLedger(client);
    const [revision = null] = (await readAlembicVersion(client)) ?? [];
    const tables = await readMaskTables(client);
    const { masked, faults } = planMasking(staging.settings.rehearsal.masking, tables, path);
    const open = ledger.openAttempt ? [`production: attempt ${ledger.openAttempt.attempt} is not finished`] : [];
    const half = ledger.unfinishedBatches ? ["production: batches of a revision are half done"] : [];
    const foreign = servers.map((name) => `production: a clone would reach what its foreign server '${name}' reaches`);
    const typed = faults.length > 0 ? [] : await judgeTypes(client, masked);
    const all = [...open, ...half, ...foreign, ...faults, ...typed];
    return { ledger, revision, masked, faults: all, bytes: Number(bytes), major, extensions };
  });
}

/** Has PostgreSQL plan each mask over no row: what an expression is wrong in is told before anything begins. */
async function judgeTypes(client: Client, masked: readonly MaskedTable[]): Promise<string[]> {
  await useMaskKey(client, newMaskKey());
  const faults: string[] = [];
  for (const { schema, name, masks } of masked)
    for (const { column, expression } of masks) {
      const from = `ONLY ${strictIdentifier(schema)}.${strictIdentifier(name)}`;
      await client.query(`SELECT ${expression} FROM ${from} LIMIT 0`).catch((error: unknown) => {
        const said = error instanceof Error ? error.message : String(error);
        faults.push(`octollm:rehearsal.masking: ${name}.${column}: ${said}`);
      });
    }
  return faults;
}

/** As the ledger knows it; else the one release whose schema revision the database has. */
function releaseOf({ ledger, revision }: SeenProduction, catalogue: Catalogue): string | null {
  if (ledger.lastSucceeded) return ledger.lastSucceeded.toVersion;
  const place = revisionIndex(catalogue, revision);
  const fitting = catalogue.releases.filter(({ version }) => headIndex(catalogue, version) === place);
  return fitting.length === 1 ? (fitting[0]?.version ?? null) : null;
}

function defaultTarget({ production, catalogue }: Preparation, from: string | null): string {
  const { version } = production.settings;
  return version === from ? (catalogue.releases.at(-1)?.version ?? version) : version;
}

interface Way {
  readonly from: string | null;
  readonly to: string;
  readonly seen: SeenProduction;
}

function judgeReleases({ staging, production, catalogue }: Preparation, { from, to, seen }: Way): string[] {
  if (from === null)
    return [`production: nothing tells which release its database is of (revision ${seen.revision ?? "none"})`];
  const target = findRelease(catalogue, to);
  const known = catalogue.releases.map(({ version }) => version).join(", ");
  return [
    ...(staging.isAdopted
      ? []
      : [`stack ${staging.name}: it has not adopted its installation yet: octollm up --stack ${staging.name}`]),
    ...(staging.settings.version === from
      ? []
      : [
          `octollm:version: staging asks for ${staging.settings.version}, and production (${production.name}) runs ${from}. They must be the same: ` +
            `octollm config set version ${from} --stack ${staging.name} && octollm up --stack ${staging.name}`,
        ]),
    ...(target ? [] : [`--to ${to}: there is no such release; the catalogue has ${known}`]),
    ...(target && to === from ? [`--to ${to}: production runs that already; there is nothing to rehearse`] : []),
  ];
}

function judgeLoadPaths({ settings }: PreparedStack): string[] {
  const names = settings.services.map(({ name }) => name);
  return settings.rehearsal.load.paths.flatMap(({ service }, index) =>
    names.includes(service)
      ? []
      : [`octollm:rehearsal.load.paths[${index}].service: staging has no service '${service}'`],
  );
}

async function judgeStaging(address: DatabaseAddress, staging: PreparedStack, seen: SeenProduction): Promise<string[]> {
  await lookAtDatabase(address, { budgetMs: staging.site.preview.budget * 1000, mayBeDamaged: false });
  return withMaintenance(address, { name: "rehearse", readOnly: true }, async (client) => {
    const { mayRename } = await readDatabaseRights(client, address.database);
    const { rows } = await client.query<{ major: number; available: string[] }>(
      `SELECT current_setting('server_version_num')::int / 10000 AS major,
              ARRAY(SELECT name::text FROM pg_catalog.pg_available_extensions) AS available`,
    );
    const [{ major, available } = { major: 0, available: [] }] = rows;
    const missing = seen.extensions.filter((name) => !available.includes(name));
    return [
      ...(mayRename
        ? []
        : [
            `database: role '${address.user}' may not replace staging's database. It must own it: ALTER ROLE "${address.user}" CREATEDB; ` +
              `ALTER DATABASE ${strictIdentifier(address.database)} OWNER TO "${address.user}"`,
          ]),
      ...(major >= seen.major
        ? []
        : [
            `database: staging's PostgreSQL ${major} is older than production's ${seen.major}; a clone may not fit into it`,
          ]),
      ...missing.map((name) => `database: staging's server has no extension '${name}', which production uses`),
    ];
  });
}
