import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import { loadCluster } from "../backup/cluster";
import type { ListedBackup } from "../backup/list";
import { ageEnding, composeCopy, configArchive, environmentCopy, type Manifest } from "../backup/manifest";
import { DotenvFile } from "../environment/dotenv-file";
import type { BackupFacts, RestoreWorld } from "../planner/backups";
import type { TableFacts } from "../planner/tables";
import { batchedRelations } from "../planner/ways";
import { type DatabaseAddress, withClient } from "../postgres/connection";
import { isDamage, readDamagedDatabase } from "../postgres/damage";
import { rolesOf } from "../postgres/database-settings";
import { type ListedDatabase, listRelatedDatabases, readDatabaseRights } from "../postgres/databases";
import { DatabaseFault, errorText } from "../postgres/errors";
import { type DatabaseFacts, readDatabaseFacts, type RelationFacts } from "../postgres/facts";
import { findRelation } from "../postgres/identifiers";
import { emptyLedger, type Ledger, readLedger } from "../postgres/ledger";
import { readReleaseFiles } from "../postgres/ledger-releases";
import { type Measure, readMeasures } from "../postgres/measures";
import { refusePooler } from "../postgres/pooler";
import { recognise } from "../postgres/recognise";
import { type IndexTable, readIndexTables, readTableColumns, type TableColumns } from "../postgres/table-columns";
import { readTableFacts } from "../postgres/table-facts";
import type { CatalogueFiles } from "../releases/catalogue-files";
import type { Catalogue, Statement } from "../releases/release";
import type { BackupFolder } from "./backup-folder";
import type { Site } from "./site";

/** What one look at the database and its server tells. */
export interface DatabaseLook {
  readonly database: DatabaseFacts;
  /** Of the tables that statements of the catalogue may endanger. */
  readonly columns: readonly TableColumns[];
  /** Those that statements of the catalogue name. */
  readonly indexes: readonly IndexTable[];
  readonly ledger: Ledger;
  readonly measures: readonly Measure[];
  /** Release whose schema the database has, although nobody stamped it. */
  readonly looksLike: Awaited<ReturnType<typeof recognise>> | null;
  /** Files of releases, as the ledger has kept them. */
  readonly keptFiles: CatalogueFiles;
  /** The tables that batched sections of the catalogue are about. */
  readonly tables: readonly TableFacts[];
  /** Why the database cannot be read; null when it can. */
  readonly damage: string | null;
  readonly rights: { readonly mayRename: boolean; readonly roles: readonly string[] };
  readonly related: readonly ListedDatabase[];
}

/** What is found where no table can be read. */
export const nothingFound = {
  columns: [],
  indexes: [],
  ledger: emptyLedger,
  measures: [],
  looksLike: null,
  keptFiles: new Map(),
  tables: [],
} satisfies Partial<DatabaseLook>;

/**
 * Reads database and ledger in a READ ONLY session.
 *
 * @param options - `mayBeDamaged`: a backup is to be restored, so that a database which is missing or cannot be read is no
 *   fault; what is known of it then comes from its server
 * @throws DatabaseFault when it does not answer
 */
export async function lookAtDatabase(
  address: DatabaseAddress,
  {
    budgetMs,
    mayBeDamaged,
    catalogue = null,
  }: { budgetMs: number; mayBeDamaged: boolean; catalogue?: Catalogue | null },
): Promise<DatabaseLook> {
  const options = { name: "preview", readOnly: true, connectTimeoutMs: budgetMs };
  try {
    // First: behind a pooler, the settings of the session below would reach other clients.
    await refusePooler(address, budgetMs);
    return await withClient(address, options, async (client) => {
      await client.query(`SET statement_timeout = ${budgetMs}`);
      const database = await readDatabaseFacts(client);
      const isUnstamped = database.revisions.length === 0 && catalogue !== null;
      return {
        database,
        columns: await readTableColumns(client, tablesInQuestion(catalogue, database)),
        indexes: await readIndexTables(client, indexesNamed(catalogue)),
        looksLike: isUnstamped ? await recognise(client, catalogue.releases) : null,
        ledger: await readLedger(client),
        keptFiles: await readReleaseFiles(client),
        tables: await readTableFacts(client, catalogue ? batchedRelations(catalogue) : []),
        measures: await readMeasures(client),
        damage: null,
        rights: await readDatabaseRights(client, address.database),
        related: await listRelatedDatabases(client, address.database),
      };
    });
  } catch (error) {
    if (!isDamage(error)) throw error;
    if (!mayBeDamaged) throw withHint(error);
    const damage = error.kind === "missing-database" ? "there is no such database" : errorText(error);
    return {
      ...(await readDamagedDatabase(address, options)),
      ...nothingFound,
      damage,
    };
  }
}

/** The tables that batched sections of a catalogue are about, in a READ ONLY session. */
export async function lookAtTables(
  address: DatabaseAddress,
  catalogue: Catalogue,
  budgetMs: number,
): Promise<readonly TableFacts[]> {
  const options = { name: "preview", readOnly: true, connectTimeoutMs: budgetMs };
  return withClient(address, options, (client) => readTableFacts(client, batchedRelations(catalogue)));
}

function statementsOf(catalogue: Catalogue | null): readonly Statement[] {
  return (catalogue?.chain ?? []).flatMap(({ up, down }) => [...up.statements, ...(down?.statements ?? [])]);
}

function indexesNamed(catalogue: Catalogue | null): string[] {
  const locks = statementsOf(catalogue).flatMap((statement) => statement.locks);
  return locks.filter((lock) => lock.ofTable !== undefined).map(({ relation }) => relation);
}

/** Tables of which a statement of the catalogue does not tell by itself whether it is a hazard. */
function tablesInQuestion(catalogue: Catalogue | null, { relations, searchPath }: DatabaseFacts): RelationFacts[] {
  const risks = statementsOf(catalogue).flatMap(({ work, hazards }) => [...work, ...hazards]);
  const names = risks.flatMap(({ relation, unless }) => (unless.length > 0 && relation !== null ? [relation] : []));
  const found = [...new Set(names)].map((name) => findRelation(name, relations, searchPath));
  return [...new Set(found)].filter((relation) => relation !== undefined);
}

/** A database that is lost or damaged can come back from a backup: whoever reads that it is lost should read that too. */
function withHint(fault: DatabaseFault): DatabaseFault {
  const { kind, code, message } = fault;
  const hint = "If it is lost or damaged, a backup brings it back: octollm backups list";
  return new DatabaseFault({ kind, code, message: `${message}\n${hint}`, cause: fault });
}

/** What the planner needs to know for a restore; writes nothing. */
export async function readRestoreWorld(
  folder: BackupFolder,
  { site, look, version }: Surroundings,
): Promise<RestoreWorld> {
  const { ledger, damage, rights, related } = look;
  // A folder that cannot be read is told with the facts of the disk; it must not stand in the way of a way back.
  const backups = await Promise.all(folder.backups.map((backup) => describeBackup(backup, { site, look, version })));
  const { lastInstallation: last, lastWished, lastSucceeded } = ledger;
  const isFulfilled = lastWished !== null && (lastSucceeded?.attempt ?? 0) >= lastWished.attempt;
  const isUnfinished = last !== null && last.status !== "succeeded";
  return {
    damage,
    backups,
    fulfilled: isFulfilled ? lastWished.restoreWish : null,
    unfinished:
      isUnfinished && last.restoredBackup !== null
        ? { attempt: last.attempt, backup: last.restoredBackup, wish: last.restoreWish }
        : null,
    noRename: rights.mayRename
      ? null
      : `role '${look.database.role.user}' may not (it needs CREATEDB, and to own the database)`,
    databases: related.map(({ name }) => name),
  };
}

interface Surroundings {
  readonly site: Site;
  readonly look: DatabaseLook;
  readonly version: string;
}

async function describeBackup(listed: ListedBackup, around: Surroundings): Promise<BackupFacts> {
  const { id, path, manifest } = listed;
  if (!manifest) {
    const none = {
      created: "",
      release: "",
      revision: null,
      databaseBytes: 0,
      environmentDigest: "",
      environment: null,
      hasConfig: false,
    };
    return { id, ...none, fault: listed.fault ?? "it has no manifest" };
  }
  const has = (name: string) => manifest.files.some((file) => file.path === name || file.path === name + ageEnding);
  const { created, release, revision } = manifest;
  const facts = {
    id,
    created,
    release,
    revision,
    databaseBytes: manifest.installation.bytes,
    environmentDigest: manifest.environment,
    hasCompose: has(composeCopy),
    hasConfig: has(configArchive),
  };
  // Only those that could be asked for are looked at more closely.
  if (release !== around.version) return { ...facts, environment: null, fault: null };
  const environment =
    manifest.encryption === null
      ? await readFile(join(path, environmentCopy)).then(
          (content) => DotenvFile.parse(content),
          () => null,
        )
      : null;
  return { ...facts, environment, fault: await findFault(path, manifest, around.site, around.look) };
}

/**
 * What can be told against a backup without reading it whole; `up` verifies it before it touches anything.
 *
 * @param look - null when the server does not answer: then nobody can tell whether it is this installation's
 */
export async function findFault(
  path: string,
  manifest: Manifest,
  site: Pick<Site, "backup">,
  look: DatabaseLook | null,
): Promise<string | null> {
  const foreign = look && judgeOrigin(manifest, look.database);
  if (foreign) return foreign;
  for (const file of manifest.files) {
    const bytes = await stat(join(path, file.path)).then(
      (found) => found.size,
      () => null,
    );
    if (bytes === null) return `'${file.path}' is missing`;
    if (bytes !== file.bytes) return `'${file.path}' has ${bytes} bytes instead of ${file.bytes}`;
  }
  if (manifest.encryption === null) return look && judgeRoles(path, look);
  return site.backup.identityFile === "" ? "it is encrypted, and backup.identityFile names no age identity" : null;
}

function judgeOrigin({ installation }: Manifest, here: DatabaseFacts): string | null {
  const { database, systemIdentifier } = installation;
  if (systemIdentifier !== null && here.systemIdentifier !== null && systemIdentifier !== here.systemIdentifier)
    return `it is of another installation: its database server was ${systemIdentifier}, this one is ${here.systemIdentifier}`;
  return database === here.database ? null : `it is of another installation: its database was '${database}'`;
}

async function judgeRoles(path: string, { rights }: DatabaseLook): Promise<string | null> {
  const cluster = await loadCluster(path).catch((error: unknown) => errorText(error));
  if (typeof cluster === "string") return cluster;
  const missing = rolesOf(cluster.database).filter((role) => !rights.roles.includes(role));
  if (missing.length === 0) return null;
  return `the server has no role ${missing.map((role) => `'${role}'`).join(", ")}, which it needs: CREATE ROLE ...`;
}
