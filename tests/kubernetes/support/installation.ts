import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { Client } from "pg";

import { fillDatabase, type Fingerprint, fingerprint } from "../../../demo/installation";
import { images, type Release } from "../../docker/support/images";
import { migrate } from "../../support/migrate";
import { until } from "../../support/until";
import { Cluster } from "./cluster";
import { nodeAddress } from "./names";

const manifests = join(__dirname, "installation");

export interface InstallationOptions {
  /** A name that no test before has used; `octollm-1` and so on unless given. */
  readonly namespace?: string;
  /** 0.1.0 unless given. */
  readonly release?: Release;
  /** How many tasks; 200 unless given. */
  readonly tasks?: number;
  /** Which services are deployed besides the stores; orchestrator, reflex-layer and planner-arm unless given. */
  readonly services?: readonly string[];
  /** The orchestrator's pods; 2 unless given. */
  readonly replicas?: number;
}

/** What tells whether a pod's container is the one that it was. */
export interface PodFacts {
  readonly uid: string;
  readonly image: string;
  readonly started: string;
  readonly restarts: number;
  readonly ready: boolean;
}

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly uid: string };
    readonly status: {
      readonly containerStatuses?: readonly {
        readonly image: string;
        readonly ready: boolean;
        readonly restartCount: number;
        readonly state: { readonly running?: { readonly startedAt: string } };
      }[];
    };
  }[];
}

interface ServiceObject {
  readonly spec: { readonly clusterIP: string; readonly ports: readonly { readonly nodePort?: number }[] };
}

/** An OctoLLM as operators have it: `installation/*.yaml` by kubectl apply, in a namespace of its own. */
export class KubernetesInstallation {
  readonly cluster: Cluster;
  readonly namespace: string;

  constructor(cluster: Cluster, namespace: string) {
    this.cluster = cluster;
    this.namespace = namespace;
  }

  /** Where the orchestrator answers to the world: a port of the node. */
  get orchestrator(): string {
    return `http://${nodeAddress}:${this.#service("orchestrator").spec.ports[0]?.nodePort}`;
  }

  /** The database at its Service's address, which is known on the node alone. */
  get databaseUrl(): string {
    return `postgresql://octollm:not-a-real-password%3D%231@${this.#service("postgres").spec.clusterIP}:5432/octollm`;
  }

  /** kubectl in the installation's namespace; answers what it wrote. */
  kubectl(...words: readonly string[]): string {
    return this.cluster.kubectl("--namespace", this.namespace, ...words);
  }

  /** An object of the namespace: `get("deployment", "orchestrator")`. */
  get<Result>(...words: readonly string[]): Result {
    return this.cluster.get<Result>("--namespace", this.namespace, ...words);
  }

  /** Applies manifests to the namespace, as an operator does. */
  apply(manifest: string | object): void {
    this.cluster.apply(manifest, this.namespace);
  }

  /** Rows of a query, by the database's Service. */
  async sql<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    const client = new Client({ connectionString: this.databaseUrl });
    await client.connect();
    try {
      return (await client.query<Row>(text, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  /** What the database holds, for proofs that nothing was lost or changed. */
  async fingerprint(): Promise<Fingerprint> {
    return fingerprint(this.databaseUrl);
  }

  /** Version and revision of whoever answers on the orchestrator's port; null when nobody healthy does. */
  async serving(): Promise<{ version: string; revision: string } | null> {
    const response = await fetch(`${this.orchestrator}/health`, { signal: AbortSignal.timeout(2_000) }).catch(
      () => null,
    );
    const body = (await response?.json().catch(() => null)) as { version: string; revision: string } | null | undefined;
    return response?.ok && body ? { version: body.version, revision: body.revision } : null;
  }

  /** The first container of every pod, by the pod's name: equal before and after when none was touched. */
  pods(selector = ""): Record<string, PodFacts> {
    const { items } = this.get<PodList>("pods", ...(selector ? ["--selector", selector] : []));
    return Object.fromEntries(
      items.map(({ metadata, status }) => {
        const [{ image, ready, restartCount, state } = { image: "", ready: false, restartCount: 0, state: {} }] =
          status.containerStatuses ?? [];
        const started = state.running?.startedAt ?? "";
        return [metadata.name, { uid: metadata.uid, image, started, restarts: restartCount, ready }];
      }),
    );
  }

  /** Waits until a Deployment has rolled out; the tests' clients go on meanwhile. */
  async rolledOut(deployment: string, seconds = 120): Promise<void> {
    const words = ["rollout", "status", `deployment/${deployment}`, `--timeout=${seconds}s`];
    const environment = { ...process.env, KUBECONFIG: this.cluster.kubeconfig };
    await promisify(execFile)("kubectl", ["--namespace", this.namespace, ...words], { env: environment });
  }

  /** Removes the namespace with all that is in it; does not wait for the last of it. */
  remove(): void {
    this.kubectl("delete", "pods", "--all", "--force", "--grace-period=0", "--wait=false");
    this.cluster.kubectl("delete", "namespace", this.namespace, "--wait=false");
    this.cluster.kubectl("delete", "persistentvolume", `${this.namespace}-postgres`, "--wait=false");
    // The database may write until it is killed.
    rmSync(volumeFolder(this.namespace), { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  #service(name: string): ServiceObject {
    return this.get<ServiceObject>("service", name);
  }
}

const volumeFolder = (namespace: string): string => `/run/volumes/${namespace}`;

/**
 * A volume of the claim of one installation's database: a folder of the node, in memory, which another pod finds as the one
 * before left it.
 */
function volumeFor(namespace: string): object {
  const path = volumeFolder(namespace);
  mkdirSync(path);
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: `${namespace}-postgres` },
    spec: {
      capacity: { storage: "1Gi" },
      accessModes: ["ReadWriteOnce"],
      storageClassName: "local",
      persistentVolumeReclaimPolicy: "Retain",
      hostPath: { path },
      claimRef: { kind: "PersistentVolumeClaim", namespace, name: "postgres-data-postgres-0" },
    },
  };
}

let installations = 0;

/** Deploys an OctoLLM with kubectl, fills its database, and waits until all of it is ready and the orchestrator answers. */
export async function startInstallation(options: InstallationOptions = {}): Promise<KubernetesInstallation> {
  const { namespace = `octollm-${++installations}`, release = "0.1.0", tasks = 200, replicas = 2 } = options;
  const { services = ["orchestrator", "reflex-layer", "planner-arm"] } = options;
  const cluster = Cluster.ofRing();
  const octollm = new KubernetesInstallation(cluster, namespace);
  const applyFile = (name: string) => cluster.apply(manifest(name, { namespace, release, replicas }), namespace);
  for (const name of ["namespace", "configuration", "postgres", "redis"]) applyFile(name);
  cluster.apply(volumeFor(namespace));
  const { databaseUrl } = octollm;
  await until("PostgreSQL takes connections", async () => (await octollm.sql("SELECT 1")).length === 1);
  await fillDatabase(databaseUrl, tasks);
  await migrate(databaseUrl, release);
  for (const name of services) applyFile(name);
  for (const name of services) await octollm.rolledOut(name);
  if (services.includes("orchestrator"))
    await until("the orchestrator answers", async () => (await octollm.serving())?.version === release);
  return octollm;
}

/** A file of the installation with the names and numbers of this one. */
function manifest(
  name: string,
  { namespace, release, replicas }: { namespace: string; release: Release; replicas: number },
): string {
  return readFileSync(join(manifests, `${name}.yaml`), "utf8")
    .replaceAll("namespace: octollm\n", `namespace: ${namespace}\n`)
    .replaceAll("  name: octollm\n", `  name: ${namespace}\n`)
    .replaceAll("octollm-test/postgres:15", images.postgres)
    .replaceAll(/(octollm\/[\w-]+):0\.1\.0/g, `$1:${release}`)
    .replace("replicas: 2\n", `replicas: ${replicas}\n`)
    .replace("minReplicas: 2\n", `minReplicas: ${Math.max(1, replicas)}\n`);
}
