import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { backupInstallation } from "../backup/backup";
import { loadBeside } from "../backup/beside";
import { loadCluster } from "../backup/cluster";
import { loadSchema } from "../backup/compare";
import { libpqEnvironment } from "../backup/libpq-environment";
import { loadDump } from "../backup/load";
import { readManifest } from "../backup/manifest";
import { chooseDumpTools } from "../backup/tools";
import { createInstallation } from "../demo/installation";
import type { PrivatePostgres } from "../demo/private-postgres";
import { type DatabaseAddress, parseDatabaseUrl, withClient } from "../postgres/connection";
import { dropDatabase, newMark } from "../postgres/databases";
import { withMaintenance } from "../postgres/maintenance";
import { race, table } from "./measure";

const run = promisify(execFile);
const signal = new AbortController().signal;
const quiet = { progress: () => undefined, signal };

/** Tasks in a database of one megabyte, their history included. */
const tasksPerMegabyte = 750;

/**
 * The sample's texts repeat, which flatters every compression: what people write does so much less. Half of the bytes are in
 * the tasks, half in their history.
 */
const makeUnlike = `
  UPDATE tasks SET description = description || ' ' || ${unlikeWords(40)};
  UPDATE task_history SET detail = detail || jsonb_build_object('note', ${unlikeWords(20)});
  VACUUM FULL ANALYZE tasks;
  VACUUM FULL ANALYZE task_history`;

function unlikeWords(count: number): string {
  return `(SELECT string_agg(substr(md5(id::text || n), 1, 2 + n % 7), ' ') FROM generate_series(1, ${count}) AS n)`;
}

/**
 * Backups and restores against what the migration guide types, in one run on one database.
 *
 * @param megabytes - size of the database
 * @param rounds - of which the medians are told
 */
export async function benchBackups(
  server: PrivatePostgres,
  folder: string,
  { megabytes, rounds }: { megabytes: number; rounds: number },
): Promise<string> {
  const name = `backups_${megabytes}`;
  const home = join(folder, name);
  mkdirSync(home);
  server.createDatabase(name);
  const databaseUrl = server.url(name);
  await createInstallation({ folder: home, databaseUrl, tasks: megabytes * tasksPerMegabyte });
  const address = parseDatabaseUrl(databaseUrl);
  try {
    const size = await withClient(address, { name: "bench" }, async (client) => {
      for (const statement of makeUnlike.split(";")) await client.query(statement);
      const { rows } = await client.query<{ bytes: string }>("SELECT pg_database_size(current_database()) AS bytes");
      return Number(rows[0]?.bytes) / 1e6;
    });
    await setFsync(address, "on");
    const backups = await raceBackups(home, databaseUrl, rounds);
    const restores = await raceRestores(home, databaseUrl, rounds);
    return `Database of ${size.toFixed(0)} MB.\n\n${backups}\n\n${restores}`;
  } finally {
    await setFsync(address, "off");
    await withMaintenance(address, { name: "bench" }, (client) => dropDatabase(client, name));
    rmSync(home, { recursive: true, force: true });
  }
}

/** Private servers do without it, and whoever restores does not: commits and checkpoints have their price here. */
async function setFsync(address: DatabaseAddress, to: "on" | "off"): Promise<void> {
  await withMaintenance(address, { name: "bench" }, async (client) => {
    await client.query(`ALTER SYSTEM SET fsync = ${to}`);
    await client.query("SELECT pg_reload_conf()");
  });
}

async function raceBackups(home: string, databaseUrl: string, rounds: number): Promise<string> {
  const address = parseDatabaseUrl(databaseUrl);
  const tools = await chooseDumpTools({ serverMajor: 1, inside: null, signal });
  const shell = (command: string) => run("/bin/sh", ["-c", command], { env: libpqEnvironment(address), cwd: home });
  const rivals = {
    "pg_dump > file": () => shell(`${tools.dump} > plain.sql`),
    "pg_dump | gzip": () => shell(`${tools.dump} | gzip > plain.sql.gz`),
    "pg_dump -Fc": () => shell(`${tools.dump} -Fc -f custom.dump`),
    "ours, with checksums and counts": () => backUp(home, databaseUrl),
  };
  const times = await race(rivals, rounds);
  const sizes = ["plain.sql", "plain.sql.gz", "custom.dump", "backups/ours"].map((path) => sizeOf(join(home, path)));
  const gzip = times.get("pg_dump | gzip") ?? NaN;
  const rows = [...times].map(([rival, seconds], index) => [
    rival.replace("|", "\\|"),
    `${seconds.toFixed(2)} s`,
    `${(seconds / gzip).toFixed(2)}x`,
    `${((sizes[index] ?? 0) / 1e6).toFixed(1)} MB`,
  ]);
  return table([`backup (pg_dump ${tools.version})`, "time", "of pg_dump \\| gzip", "size"], rows);
}

async function backUp(home: string, databaseUrl: string): Promise<void> {
  rmSync(join(home, "backups"), { recursive: true, force: true });
  await backupInstallation({
    address: parseDatabaseUrl(databaseUrl),
    folder: join(home, "backups"),
    id: "ours",
    envFile: join(home, ".env"),
    configFolder: join(home, "config"),
    release: "0.1.0",
    revision: "def456",
    planId: "bench",
    attempt: 1,
    jobs: 2,
    inside: null,
    verify: "checksums",
    invariants: [],
    recipients: [],
    ...quiet,
  });
}

function sizeOf(path: string): number {
  if (!statSync(path).isDirectory()) return statSync(path).size;
  return readdirSync(path).reduce((sum, entry) => sum + sizeOf(join(path, entry)), 0);
}

async function raceRestores(home: string, databaseUrl: string, rounds: number): Promise<string> {
  const address = parseDatabaseUrl(databaseUrl);
  const target = { ...address, database: "restored" };
  const folder = join(home, "backups/ours");
  const manifest = await readManifest(folder);
  const cluster = await loadCluster(folder);
  const expected = {
    counts: manifest.counts,
    revision: manifest.revision,
    invariants: [],
    schema: await loadSchema(folder),
  };
  const fresh = (work: () => Promise<unknown>) => async () => {
    await withMaintenance(address, { name: "bench" }, (client) => dropDatabase(client, target.database));
    await work();
  };
  const env = libpqEnvironment(address);
  const create = () => run("createdb", ["-T", "template0", target.database], { env });
  const loading = { address: target, folder, manifest, jobs: 2, inside: null, label: "bench", ...quiet };
  const shell = (command: string) =>
    fresh(async () => {
      await create();
      await run("/bin/sh", ["-c", command], { env: { ...env, PGDATABASE: target.database }, cwd: home });
    });
  const rivals = {
    "psql < file": shell("psql -q < plain.sql"),
    "psql < file, then ANALYZE": shell("psql -q < plain.sql && psql -q -c ANALYZE"),
    "pg_restore of custom.dump": shell(`pg_restore -d ${target.database} custom.dump`),
    "ours: loaded and analyzed": fresh(async () => {
      await create();
      await loadDump(loading);
    }),
    "ours: loaded, analyzed and compared with the backup": fresh(() =>
      withMaintenance(address, { name: "bench" }, (client) => {
        const mark = newMark("verify", { database: address.database, backup: "ours" });
        return loadBeside(client, { ...loading, settings: cluster.database, mark, expected });
      }),
    ),
  };
  const times = await race(rivals, rounds);
  const psql = times.get("psql < file") ?? NaN;
  const rows = [...times].map(([rival, seconds]) => [
    rival,
    `${seconds.toFixed(2)} s`,
    `${(seconds / psql).toFixed(2)}x`,
  ]);
  await withMaintenance(address, { name: "bench" }, (client) => dropDatabase(client, target.database));
  return table(["restore", "time", "of psql < file"], rows);
}
