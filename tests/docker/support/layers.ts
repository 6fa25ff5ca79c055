import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";

import { buildSync } from "esbuild";

const project = resolve(__dirname, "..", "..", "..");
const cache = join(project, ".cache", "docker");

/** One layer of an image: a tar file below the cache, named by what went into it. */
export interface Layer {
  readonly path: string;
  /** `sha256:` of the tar file, which is what an image calls it by. */
  readonly digest: string;
}

/** Makes the layer unless one with the same key was made before; `fill` is given its empty root folder. */
function layer(name: string, key: string, fill: (root: string) => void): Layer {
  const hash = createHash("sha256").update(`1 ${key}`).digest("hex").slice(0, 16);
  const path = join(cache, `${name}-${hash}.tar`);
  if (!existsSync(path)) {
    mkdirSync(cache, { recursive: true });
    for (const old of readdirSync(cache)) if (old.startsWith(`${name}-`)) rmSync(join(cache, old), { recursive: true });
    const root = mkdtempSync(join(cache, "root-"));
    fill(root);
    const order = ["--sort=name", "--mtime=@0", "--numeric-owner"];
    execFileSync("tar", ["-C", root, ...order, "-cf", `${path}.new`, "."]);
    rmSync(root, { recursive: true });
    const digest = createHash("sha256")
      .update(readFileSync(`${path}.new`))
      .digest("hex");
    writeFileSync(`${path}.sha256`, `sha256:${digest}`);
    renameSync(`${path}.new`, path);
  }
  return { path, digest: readFileSync(`${path}.sha256`, "utf8") };
}

function write(root: string, path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text, { mode });
}

function copy(root: string, path: string, as = path): void {
  if (existsSync(join(root, as))) return;
  mkdirSync(dirname(join(root, as)), { recursive: true });
  cpSync(path, join(root, as), { dereference: true, recursive: true });
}

/** A program or a library, and every library that it is linked with. */
function copyLinked(root: string, path: string, as = path): void {
  copy(root, path, as);
  const libraries = execFileSync("ldd", [path], { encoding: "utf8" }).match(/\/\S+/g) ?? [];
  for (const library of libraries) copy(root, library);
}

const stamp = (path: string): string => `${path} ${statSync(path).size} ${statSync(path).mtimeMs}`;

/** A shell and small tools, and the accounts of the images. */
export function baseLayer(): Layer {
  const busybox = "/bin/busybox";
  return layer("base", stamp(busybox), (root) => {
    copy(root, busybox);
    const applets = execFileSync(busybox, ["--list"], { encoding: "utf8" }).trim().split("\n");
    for (const applet of applets) if (applet !== "busybox") symlinkSync("busybox", join(root, "bin", applet));
    write(root, "/etc/passwd", "root:x:0:0::/:/bin/sh\npostgres:x:999:999::/var/lib/postgresql:/bin/sh\n");
    write(root, "/etc/group", "root:x:0:\npostgres:x:999:\n");
    write(root, "/etc/nsswitch.conf", "hosts: files dns\n");
    mkdirSync(join(root, "tmp"));
    execFileSync("chmod", ["1777", join(root, "tmp")]);
  });
}

/** The Node that runs the tests, as /bin/node. */
export function nodeLayer(): Layer {
  const node = realpathSync(process.execPath);
  return layer("node", stamp(node), (root) => copyLinked(root, node, "/bin/node"));
}

/** The small OctoLLM and what stands for its other services, each one file of plain JavaScript. */
export function programsLayer(): Layer {
  const bundle = (entry: string) => {
    const { outputFiles } = buildSync({
      entryPoints: [join(project, entry)],
      bundle: true,
      platform: "node",
      target: "node20",
      external: ["pg-native"],
      write: false,
    });
    return outputFiles.map(({ text }) => text).join("");
  };
  const octollm = bundle("demo/octollm/server.ts");
  const helper = bundle("tests/docker/support/images/helper.ts");
  return layer("programs", octollm + helper, (root) => {
    write(root, "/app/octollm.cjs", octollm);
    write(root, "/app/helper.cjs", helper);
  });
}

const entrypoint = join(__dirname, "images", "postgres-entrypoint");

/** Debian's PostgreSQL with its client programs, and an entrypoint that does what the official image's does. */
export function postgresLayer(): Layer {
  const home = `/usr/lib/postgresql/${postgresMajor()}`;
  const share = `/usr/share/postgresql/${postgresMajor()}`;
  return layer("postgres", stamp(join(home, "bin/postgres")) + readFileSync(entrypoint, "utf8"), (root) => {
    const programs = ["postgres", "initdb", "psql", "pg_dump", "pg_dumpall", "pg_restore", "pg_isready", "pg_ctl"];
    for (const program of programs) copyLinked(root, join(home, "bin", program));
    for (const file of readdirSync(join(home, "lib")))
      if (file.endsWith(".so") && !file.startsWith("llvmjit")) copyLinked(root, join(home, "lib", file));
    copy(root, share);
    rmSync(join(root, share, "man"), { recursive: true, force: true });
    copy(root, "/usr/lib/locale/C.utf8");
    if (existsSync("/usr/share/zoneinfo")) copy(root, "/usr/share/zoneinfo");
    copy(root, entrypoint, "/usr/local/bin/docker-entrypoint.sh");
    mkdirSync(join(root, "var/lib/postgresql/data"), { recursive: true });
    for (const folder of ["var/lib/postgresql", "var/lib/postgresql/data"]) chownSync(join(root, folder), 999, 999);
  });
}

/** The newest major version of PostgreSQL that Debian has installed here. */
export function postgresMajor(): number {
  const majors = readdirSync("/usr/lib/postgresql").map(Number);
  return Math.max(...majors.filter((major) => existsSync(`/usr/lib/postgresql/${major}/bin/initdb`)));
}
