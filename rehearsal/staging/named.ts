import { lookup } from "node:dns/promises";
import { realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

import { type DotenvFile, expandedValues } from "../../environment/dotenv-file";
import { readAddress, readEnvironment, serviceSpecs, type Site, sitePath } from "../../phases/site";
import { type DatabaseAddress, withClient } from "../../postgres/connection";
import { readSystemIdentifier } from "../../postgres/facts";
import { isContainer, isDeployment } from "../../runtimes/driver";
import type { ServiceSpec } from "../../runtimes/runtime";
import type { Settings } from "../../settings";
import { RehearsalError } from "./error";

/** Everything that a stack names and that could be written to. */
export interface Named {
  readonly stack: string;
  readonly target: string;
  readonly database: NamedDatabase;
  /** Folders and files with every link followed, by the setting that names them. */
  readonly folders: Readonly<Record<string, string>>;
  /** Device and inode of `.env`: the same file may have two names. */
  readonly environmentIdentity: string;
  readonly services: readonly NamedService[];
  /** Where the URLs of `.env` lead, as `host:port/path`, by variable. */
  readonly urls: Readonly<Record<string, string>>;
}

/** A process or a container. */
export interface NamedService {
  readonly name: string;
  /** 0 when it has none of the host. */
  readonly port: number;
  /** File that its output goes to; null for a container's, which its engine keeps. */
  readonly log: string | null;
  /** Name of the container, on the engine that has it; null for a process. */
  readonly container: string | null;
}

/** A database by all that tells it from another one. */
export interface NamedDatabase {
  readonly name: string;
  /** Null when the role may not read it. */
  readonly systemIdentifier: string | null;
  /** `address:port` of each address that its host stands for. */
  readonly places: readonly string[];
}

/** A stack of which nothing is known but its settings. */
export interface StackToName {
  readonly name: string;
  readonly settings: Settings;
  readonly site: Site;
}

/**
 * Reads what a stack names: its settings, its `.env` and, in a READ ONLY session, its database.
 *
 * @throws DatabaseFault when the database does not answer, RehearsalError for a stack on Kubernetes
 */
export async function nameStack({ name, settings, site }: StackToName): Promise<Named> {
  if (settings.target === "kubernetes")
    throw new RehearsalError(
      `Stack '${name}' is on Kubernetes, and a rehearsal on staging is not available there in this version of the program. ` +
        `Nothing was touched. Rehearse the schema's part on a scratch database: octollm rehearse --stack ${name}`,
    );
  const address = await readAddress(site, settings.databaseUrl);
  const { file } = await readEnvironment(site);
  const environment = await followed(sitePath(site, site.environmentFile));
  const { dev, ino } = await stat(environment);
  const specs = await serviceSpecs(site, settings.version);
  return {
    stack: name,
    target: settings.target,
    database: await nameDatabase(address),
    folders: {
      environmentFile: environment,
      ...(settings.composeFile === "" ? {} : { composeFile: await followed(sitePath(site, settings.composeFile)) }),
      installation: await followed(resolve(site.installation)),
      configFolder: await followed(sitePath(site, site.configFolder)),
      "backup.folder": await followed(sitePath(site, site.backup.folder)),
      "report.folder": await followed(sitePath(site, settings.report.folder)),
    },
    environmentIdentity: `${dev}:${ino}`,
    services: await Promise.all(specs.map(nameService)),
    urls: urlsOf(file, site.database.key),
  };
}

async function nameService(spec: ServiceSpec): Promise<NamedService> {
  const { name, port } = spec;
  if (isContainer(spec))
    return { name, port, log: null, container: `${spec.container}${spec.engine && ` on ${spec.engine}`}` };
  if (isDeployment(spec)) throw new Error(`service '${name}' is a Deployment, and its stack was refused before`);
  return { name, port, log: await followed(spec.log), container: null };
}

async function nameDatabase(address: DatabaseAddress): Promise<NamedDatabase> {
  return withClient(address, { name: "rehearse", readOnly: true }, async (client) => {
    const { rows } = await client.query<{ name: string }>("SELECT current_database() AS name");
    const { systemIdentifier } = await readSystemIdentifier(client);
    return { name: rows[0]?.name ?? address.database, systemIdentifier, places: await placesOf(address) };
  });
}

/** A name may stand for several addresses, and two names for one. */
async function placesOf({ host, port }: DatabaseAddress): Promise<string[]> {
  if (host.startsWith("/")) return [`${await followed(host)}:${port}`];
  const found = await lookup(host, { all: true }).catch(() => [{ address: host }]);
  return found.map(({ address }) => `${address}:${port}`);
}

/** The real path of a file or folder, also of what is not there yet: then that of the nearest folder above. */
export async function followed(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const above = dirname(path);
    return above === path ? path : join(await followed(above), basename(path));
  }
}

const defaultPorts: Readonly<Record<string, string>> = { http: "80", https: "443", redis: "6379", rediss: "6379" };

/** Without user, password and query: none of them makes it another place. The database is compared by what it is. */
function urlsOf(file: DotenvFile, databaseKey: string): Record<string, string> {
  const found = Object.entries(expandedValues(file)).flatMap(([key, value]): [string, string][] => {
    const [, scheme = "", host = "", port = "", path = ""] =
      /^([a-z][a-z0-9+.-]*):\/\/(?:[^/?#@]*@)?(\[[^\]]+\]|[^/:?#,]+)(?::(\d+))?([^?#]*)/i.exec(value.trim()) ?? [];
    // Whom a browser may come from is a list of names, and no place that is written to.
    if (host === "" || key === databaseKey || /ORIGIN|CORS/i.test(key)) return [];
    const name = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/i.test(host) ? "localhost" : host.toLowerCase();
    const trimmed = path.replace(/\/+$/, "");
    return [[key, `${name}:${port || (defaultPorts[scheme.toLowerCase()] ?? scheme)}${trimmed}`]];
  });
  return Object.fromEntries(found);
}
