import { collections, type Pod } from "../../../runtimes/kubernetes/objects";
import { list, readParts } from "../../../runtimes/kubernetes/read";
import { selectorText } from "../../../runtimes/kubernetes/selector";
import { firstTrouble, judgeRollout, type Trouble } from "../../../runtimes/kubernetes/trouble";
import { isPlainObject, type PropertyMap, type PropertyValue } from "../../property/value";
import type { Cluster } from "./cluster";
import { idOf, type Kind } from "./kinds";
import { lastWords } from "./last-words";
import { memberOf, metadataText } from "./metadata";

interface Looking {
  readonly cluster: Cluster;
  readonly kind: Kind;
  readonly live: PropertyMap;
}

/** An object as it is now, and what is in the way of its readiness; nothing when it is ready. */
export interface Readiness {
  readonly live: PropertyMap;
  readonly reasons: readonly string[];
}

/** How the readiness of a kind is seen. A kind that is not here is ready when it is there. */
export const looks: Readonly<Record<string, (looking: Looking) => Promise<Readiness>>> = {
  Deployment: lookAtDeployment,
  StatefulSet: lookAtStatefulSet,
  Service: lookAtService,
  PersistentVolumeClaim: lookAtClaim,
};

async function present({ cluster, kind, live }: Looking): Promise<PropertyMap | null> {
  return cluster.get(kind, metadataText(live, "namespace"), metadataText(live, "name"));
}

const gone = ({ live, kind }: Looking): Readiness => ({
  live,
  reasons: [
    `${kind.kind} '${idOf(metadataText(live, "namespace"), metadataText(live, "name"))}' is not there any more`,
  ],
});

const numberOf = (value: PropertyValue | undefined): number => (typeof value === "number" ? value : 0);

async function lookAtDeployment(looking: Looking): Promise<Readiness> {
  const { cluster, live } = looking;
  const place = cluster.placeOf(metadataText(live, "namespace"));
  const parts = await readParts({ cluster: place, deployment: metadataText(live, "name") });
  if (parts === null) return gone(looking);
  const { done, detail, trouble } = judgeRollout(parts);
  const now = parts.deployment as unknown as PropertyMap;
  return { live: now, reasons: done ? [] : await reasonsOf(looking, detail, trouble) };
}

async function reasonsOf({ cluster, live }: Looking, detail: string, trouble: Trouble | null): Promise<string[]> {
  if (trouble === null) return [detail];
  const words = trouble.where ? await lastWords(cluster, metadataText(live, "namespace"), trouble.where) : [];
  return [`${detail}; ${trouble.text}`, ...words];
}

async function lookAtStatefulSet(looking: Looking): Promise<Readiness> {
  const live = await present(looking);
  if (live === null) return gone(looking);
  const status = (key: string) => memberOf(live, "status", key);
  const wanted = numberOf(memberOf(live, "spec", "replicas") ?? 1);
  const ready = numberOf(status("readyReplicas"));
  const isSeen = numberOf(status("observedGeneration")) >= numberOf(memberOf(live, "metadata", "generation"));
  const isRolled = isPartlyRolled(live) || status("updateRevision") === status("currentRevision");
  if (isSeen && isRolled && ready >= wanted) return { live, reasons: [] };
  const namespace = metadataText(live, "namespace");
  const query = { labelSelector: selectorText((memberOf(live, "spec", "selector") ?? {}) as object) };
  const pods = await list<Pod>(looking.cluster.placeOf(namespace), collections.pods(namespace), query);
  const own = pods.filter(({ metadata }) =>
    metadata.ownerReferences?.some(({ uid }) => uid === metadataText(live, "uid")),
  );
  return { live, reasons: await reasonsOf(looking, `${ready} of ${wanted} pods ready`, firstTrouble(own)) };
}

/** Whether pods of before are meant to stay. */
function isPartlyRolled(live: PropertyMap): boolean {
  const strategy = memberOf(live, "spec", "updateStrategy");
  return memberOf(strategy, "type") === "OnDelete" || numberOf(memberOf(strategy, "rollingUpdate", "partition")) > 0;
}

/** A Service is ready when no pod that it chooses is unready; one without pods, too. */
async function lookAtService(looking: Looking): Promise<Readiness> {
  const live = await present(looking);
  if (live === null) return gone(looking);
  const spec = (key: string) => memberOf(live, "spec", key);
  const ingress = memberOf(live, "status", "loadBalancer", "ingress");
  if (spec("type") === "LoadBalancer" && !(Array.isArray(ingress) && ingress.length > 0))
    return { live, reasons: ["no address was allocated to it yet, as a load balancer of the cluster's provider does"] };
  const selector = spec("selector");
  const hasPods = isPlainObject(selector) && Object.keys(selector).length > 0;
  if (!hasPods || spec("type") === "ExternalName" || spec("clusterIP") === "None") return { live, reasons: [] };
  const [ready, unready] = await endpointsOf(looking.cluster, live);
  if (unready === 0) return { live, reasons: [] };
  return { live, reasons: [`${ready} of the ${ready + unready} pods that it chooses are ready`] };
}

interface EndpointSlice {
  readonly endpoints?:
    readonly { readonly conditions?: { readonly ready?: boolean; readonly terminating?: boolean } }[] | null;
}

async function endpointsOf(cluster: Cluster, live: PropertyMap): Promise<[ready: number, unready: number]> {
  const [namespace, name] = [metadataText(live, "namespace"), metadataText(live, "name")];
  const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
  const query = { labelSelector: `kubernetes.io/service-name=${name}` };
  const slices = await list<EndpointSlice>(cluster.placeOf(namespace), path, query);
  const all = slices.flatMap(({ endpoints }) => endpoints ?? []);
  const ready = all.filter(({ conditions }) => conditions?.ready !== false).length;
  const ending = all.filter(({ conditions }) => conditions?.ready === false && conditions.terminating === true).length;
  return [ready, all.length - ready - ending];
}

/** A claim is ready when it has its volume; where that comes with the first pod, when it is there. */
async function lookAtClaim(looking: Looking): Promise<Readiness> {
  const live = await present(looking);
  if (live === null) return gone(looking);
  const phase = memberOf(live, "status", "phase");
  if (phase === "Bound") return { live, reasons: [] };
  const storageClass = memberOf(live, "spec", "storageClassName");
  const path = `/apis/storage.k8s.io/v1/storageclasses/${typeof storageClass === "string" ? storageClass : ""}`;
  const found = storageClass ? await looking.cluster.look<PropertyMap>(path).catch(() => null) : null;
  if (phase === "Pending" && found?.volumeBindingMode === "WaitForFirstConsumer") return { live, reasons: [] };
  return { live, reasons: [`it has no volume yet (${typeof phase === "string" ? phase : "not begun"})`] };
}
