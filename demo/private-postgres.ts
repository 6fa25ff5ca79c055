import { execFileSync, spawnSync } from "node:child_process";
import { createHash, randomBytes, randomInt } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve, sep } from "node:path";

import { findBinary } from "../postgres/binaries";

/** How to reach a private server: every field is plain text; the password is random per server. */
export interface PrivateServerAddress {
  host: string;
  port: number;
  user: string;
  password: string;
}

interface Owner {
  uid: number;
  gid: number;
}

/** PostgreSQL refuses to run as root; root hands the server to the first unprivileged account that is there. */
function serverOwner(): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  for (const name of ["postgres", "nobody"]) {
    const account = accounts.find((fields) => fields[0] === name);
    if (account) return { uid: Number(account[2]), gid: Number(account[3]) };
  }
  throw new Error("PostgreSQL will not run as root, and there is no account 'postgres' or 'nobody' to run it as.");
}

/** Ports below those that systems hand out for connections: what is free here stays free until its owner wants it. */
const ports = { first: 12_000, count: 18_000 };

/** A TCP port of the loopback interface that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = ports.first + randomInt(ports.count);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/**
 * A PostgreSQL server of our own for the tour and the tests: its own data folder, port, password and, under root, uid.
 * The folder must be reachable by that uid.
 */
export class PrivatePostgres {
  readonly folder: string;
  readonly address: PrivateServerAddress;
  readonly #owner = serverOwner();

  private constructor(folder: string, address: PrivateServerAddress) {
    this.folder = folder;
    this.address = address;
  }

  /**
   * Makes a cluster in `folder` (which must not exist yet) and starts it on a free port of 127.0.0.1.
   *
   * @throws MissingBinaryError when PostgreSQL's server is not installed
   */
  static async create(folder: string, settings: Record<string, string> = {}): Promise<PrivatePostgres> {
    const password = randomBytes(12).toString("hex");
    const server = new PrivatePostgres(folder, {
      host: "127.0.0.1",
      port: await freePort(),
      user: "octollm",
      password,
    });
    server.#initialise(settings);
    server.start();
    return server;
  }

  /** Makes a standby of `primary` in `folder`, and starts it on a port of its own. */
  static async standby(folder: string, primary: PrivatePostgres): Promise<PrivatePostgres> {
    const { host, port, user, password } = primary.address;
    const standby = new PrivatePostgres(folder, { host, port: await freePort(), user, password });
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    if (standby.#owner) chownSync(folder, standby.#owner.uid, standby.#owner.gid);
    const source = ["-h", host, "-p", String(port), "-U", user, "-w", "-c", "fast", "-X", "stream"];
    standby.#run("pg_basebackup", ["-D", standby.#data, "-R", "--no-sync", ...source], { PGPASSWORD: password });
    // PostgreSQL 18 no longer writes down the password that it was given.
    const conninfo = `host=${host} port=${port} user=${user} password=${password}`;
    appendFileSync(
      join(standby.#data, "postgresql.auto.conf"),
      `port = ${standby.address.port}\nprimary_conninfo = '${conninfo}'\n`,
    );
    standby.start();
    return standby;
  }

  get #data(): string {
    return join(this.folder, "data");
  }

  #initialise(settings: Record<string, string>): void {
    mkdirSync(this.folder, { recursive: true, mode: 0o755 });
    const passwordFile = join(this.folder, "password");
    writeFileSync(passwordFile, this.address.password, { mode: 0o600 });
    if (this.#owner) {
      chownSync(this.folder, this.#owner.uid, this.#owner.gid);
      chownSync(passwordFile, this.#owner.uid, this.#owner.gid);
    }
    const { user } = this.address;
    this.#run("initdb", [
      "-D",
      this.#data,
      "-U",
      user,
      "-A",
      "scram-sha-256",
      "--pwfile",
      passwordFile,
      "-E",
      "UTF8",
      "--locale=C",
      "--no-sync",
    ]);
    rmSync(passwordFile);
    const lines = {
      listen_addresses: "'127.0.0.1'",
      port: String(this.address.port),
      // A socket's path may have 107 bytes; folders of tests are longer.
      unix_socket_directories: "''",
      // The data of a tour or a test is worth nothing after a power cut; durability would only cost time.
      fsync: "off",
      ...settings,
    };
    const text = Object.entries(lines).map(([key, value]) => `${key} = ${value}\n`);
    writeFileSync(join(this.#data, "postgresql.auto.conf"), text.join(""));
  }

  #run(program: string, args: string[], env: Record<string, string> = {}): void {
    // Output goes to a file: a daemon that inherits a pipe would keep this call waiting for ever.
    const output = join(this.folder, `${program}.out`);
    const shell = `exec "$0" "$@" >"${output}" 2>&1`;
    const result = spawnSync("/bin/sh", ["-c", shell, findBinary(program), ...args], {
      cwd: this.folder,
      stdio: "ignore",
      ...this.#owner,
      env: { ...process.env, HOME: this.folder, LC_ALL: "C", ...env },
    });
    if (result.status !== 0) {
      const said = existsSync(output) ? readFileSync(output, "utf8").trim() : String(result.error ?? "");
      throw new Error(`'${program}' of the private PostgreSQL in '${this.folder}' failed:\n${said}`);
    }
  }

  /** Starts the server and waits until it takes connections. */
  start(): void {
    this.#run("pg_ctl", ["-D", this.#data, "-l", join(this.folder, "server.log"), "-w", "-t", "60", "start"]);
  }

  /** Stops the server; `immediate` is what a crash does. */
  stop(mode: "fast" | "immediate" = "fast"): void {
    this.#run("pg_ctl", ["-D", this.#data, "-m", mode, "-w", "-t", "60", "stop"]);
  }

  /** Stops the server and deletes its folder. */
  destroy(): void {
    PrivatePostgres.destroyLeftover(this.folder);
  }

  /** Stops whatever server an earlier, killed run left in `folder`. */
  static stopLeftover(folder: string): void {
    if (!existsSync(join(folder, "data", "postmaster.pid"))) return;
    const leftover = new PrivatePostgres(folder, { host: "", port: 0, user: "", password: "" });
    try {
      leftover.stop("immediate");
    } catch {
      // A stale postmaster.pid: nothing runs any more.
    }
  }

  /** The same, and deletes the folder. */
  static destroyLeftover(folder: string): void {
    PrivatePostgres.stopLeftover(folder);
    rmSync(folder, { recursive: true, force: true });
  }

  /** Connection URL of one database of this server. */
  url(database: string): string {
    const { user, password, host, port } = this.address;
    return `postgresql://${user}:${password}@${host}:${port}/${database}`;
  }

  /** Makes a database, optionally as a copy of `template`. */
  createDatabase(name: string, template = "template0"): void {
    const { host, port, user, password } = this.address;
    execFileSync(findBinary("createdb"), ["-h", host, "-p", String(port), "-U", user, "-T", template, name], {
      env: { ...process.env, PGPASSWORD: password },
      stdio: "pipe",
    });
  }
}

/** The mode a folder needs so that the server's own uid can pass through it. */
export function makeReachable(folder: string): void {
  chmodSync(folder, 0o755);
}

/**
 * Where a private server that belongs to `folder` can live: in it, or below the system's temporary folder when the
 * server's own uid could not reach it there.
 */
export function reachableFolder(folder: string): string {
  const parents = resolve(folder)
    .split(sep)
    .map((_, index, parts) => parts.slice(0, index + 1).join(sep) || sep);
  const reachable = process.getuid?.() !== 0 || parents.every(isPassable);
  return reachable
    ? folder
    : join(tmpdir(), `octollm-${createHash("sha256").update(folder).digest("hex").slice(0, 12)}`);
}

function isPassable(folder: string): boolean {
  const found = statSync(folder, { throwIfNoEntry: false });
  return found === undefined || (found.mode & 0o001) !== 0;
}
