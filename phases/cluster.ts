import { DotenvFile } from "../environment/dotenv-file";
import { type Home, homesOf } from "../environment/homes";
import { dotenvOf, withValues } from "../environment/values-file";
import { sha256 } from "../environment/write";
import type { ClusterWorld } from "../planner/world";
import type { Catalogue } from "../releases/release";
import { deployments } from "../runtimes/driver";
import type { Configuration, Variables } from "../runtimes/kubernetes/configuration";
import { PhaseError } from "./attempt";
import type { ClusterSettings, Site } from "./site";

/** The variables of an installation on Kubernetes as an `.env`, and the objects that they were read from. */
export interface ClusterEnvironment {
  readonly file: DotenvFile;
  /** Of that file. */
  readonly sha256: string;
  readonly configuration: Configuration;
}

/** What ConfigMap and Secret are called in texts. */
export function describeVariables({ configMap, secret }: ClusterSettings): string {
  return secret === "" ? `ConfigMap ${configMap}` : `ConfigMap ${configMap} and Secret ${secret}`;
}

/**
 * Reads ConfigMap and Secret as one `.env`: what was written with comments of ours is as it was written, and their present
 * values win.
 *
 * @throws ClusterError when they cannot be read
 */
export async function readClusterEnvironment(cluster: ClusterSettings): Promise<ClusterEnvironment> {
  const configuration = await deployments().readConfiguration(cluster, cluster);
  const values = new Map([...configuration.values].map(([key, { value }]) => [key, value]));
  const { kept } = configuration;
  const file = kept === null ? dotenvOf(values) : withValues(DotenvFile.parse(kept.text), values);
  return { file, sha256: sha256(file.toBuffer()), configuration };
}

/**
 * Writes variables into ConfigMap and Secret, each where it belongs.
 *
 * @param expected - SHA-256 of the file that was read; nothing is written when somebody has changed it since
 */
export async function writeClusterEnvironment(
  cluster: ClusterSettings,
  file: DotenvFile,
  { expected, catalogue }: { readonly expected: string; readonly catalogue: Catalogue },
): Promise<void> {
  const { sha256: now, configuration } = await readClusterEnvironment(cluster);
  if (now !== expected)
    throw new PhaseError(
      `${describeVariables(cluster)} was not written, it is as it was: somebody changed it since it was read. ` +
        `Look at the change, then run the preview again.`,
    );
  await deployments().applyConfiguration(cluster, cluster, placeVariables(cluster, configuration, file, catalogue));
}

/** Which variables go into which object. What comments of ours stand for is kept, as soon as there are some. */
export function placeVariables(
  { secret }: ClusterSettings,
  { values, kept }: Configuration,
  file: DotenvFile,
  { releases }: Catalogue,
): Variables {
  const changes = releases.flatMap(({ environment }) => environment);
  const known = new Map([
    ...Object.entries(kept?.homes ?? {}),
    ...[...values].map(([key, { home }]) => [key, home] as const),
  ]);
  const homes = homesOf(file.keys(), known, changes, secret !== "");
  const of = (home: Home) =>
    Object.fromEntries(file.keys().flatMap((key) => (homes.get(key) === home ? [[key, file.get(key) ?? ""]] : [])));
  const hasComments = file.lines.some(({ assignment }) => assignment === null);
  return {
    configMap: of("configMap"),
    secret: of("secret"),
    kept:
      kept !== null || hasComments ? { text: file.toString(), homes: Object.fromEntries([...known, ...homes]) } : null,
  };
}

/** Looks at the cluster as far as the plan depends on it. @throws ClusterError when it does not answer */
export async function lookAtCluster(
  site: Pick<Site, "kubernetes" | "database" | "services">,
  { configuration }: ClusterEnvironment,
): Promise<ClusterWorld> {
  const forwards = Boolean(site.database.service) || site.services.some(({ port }) => port !== 0);
  const { name, missingRights } = await deployments().clusterFacts(clusterOf(site), { forwards });
  return { name, missingRights, variables: configuration.objects };
}

/** The cluster of a site whose services are Deployments. */
export function clusterOf({ kubernetes }: Pick<Site, "kubernetes">): ClusterSettings {
  if (!kubernetes) throw new Error("the site is no installation on Kubernetes");
  return kubernetes;
}
