import { NotImplementedError } from "../../errors";

/** What is known of a kind before a cluster is asked. */
export interface Kind {
  readonly apiVersion: string;
  readonly kind: string;
  /** Its name in paths of the API. */
  readonly plural: string;
  readonly namespaced: boolean;
  /** Properties whose change makes a new object. */
  readonly replacing: readonly string[];
  /** Whether `pulumi.com/skipAwait` also means that nobody waits for its end. */
  readonly deletedUnawaited: boolean;
}

const selector = ["spec.selector"];

const kinds: Readonly<Record<string, Kind>> = {
  "kubernetes:core/v1:ConfigMap": core("ConfigMap", "configmaps", []),
  "kubernetes:core/v1:Secret": core("Secret", "secrets", ["type"]),
  "kubernetes:core/v1:Service": core("Service", "services", ["spec.clusterIP"]),
  "kubernetes:core/v1:PersistentVolumeClaim": core("PersistentVolumeClaim", "persistentvolumeclaims", [
    ...["spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeName"],
  ]),
  "kubernetes:core/v1:Namespace": { ...core("Namespace", "namespaces", []), namespaced: false, deletedUnawaited: true },
  "kubernetes:apps/v1:Deployment": workload("Deployment", "deployments", selector),
  "kubernetes:apps/v1:StatefulSet": workload("StatefulSet", "statefulsets", [
    ...selector,
    ...["spec.podManagementPolicy", "spec.revisionHistoryLimit", "spec.serviceName", "spec.volumeClaimTemplates"],
  ]),
  "kubernetes:policy/v1:PodDisruptionBudget": {
    ...core("PodDisruptionBudget", "poddisruptionbudgets", []),
    apiVersion: "policy/v1",
  },
};

function core(kind: string, plural: string, replacing: readonly string[]): Kind {
  return { apiVersion: "v1", kind, plural, namespaced: true, replacing, deletedUnawaited: false };
}

function workload(kind: string, plural: string, replacing: readonly string[]): Kind {
  return { ...core(kind, plural, replacing), apiVersion: "apps/v1", deletedUnawaited: true };
}

/** @throws NotImplementedError for a type that only the plugin has */
export function kindOf(type: string): Kind {
  const found = kinds[type];
  if (found) return found;
  throw new NotImplementedError(
    `${type} without its plugin`,
    `Install pulumi-resource-kubernetes, or use the Pulumi CLI. Without it there are ${Object.keys(kinds).join(", ")}.`,
  );
}

/** Path of all objects of a kind, or of one of them. */
export function pathOf({ apiVersion, plural, namespaced }: Kind, namespace: string, name?: string): string {
  const group = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const place = namespaced ? `${group}/namespaces/${encodeURIComponent(namespace)}` : group;
  return name === undefined ? `${place}/${plural}` : `${place}/${plural}/${encodeURIComponent(name)}`;
}

/** Id of an object in a state: `namespace/name`, or the name of one that is in no namespace. */
export const idOf = (namespace: string, name: string): string => (namespace === "" ? name : `${namespace}/${name}`);

/** Namespace, empty for none, and name of an id. */
export function parseId(id: string): { namespace: string; name: string } {
  const [first = "", second] = id.split("/");
  return second === undefined ? { namespace: "", name: first } : { namespace: first, name: second };
}
