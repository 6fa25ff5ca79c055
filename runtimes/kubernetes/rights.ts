import type { ClusterPlace } from "../runtime";
import { ask } from "./client";

/** What is done in a cluster besides what every upgrade does. */
export interface Needs {
  /** Ports of pods are forwarded: services are asked how they are, or the database is reached so. */
  readonly forwards: boolean;
  /** PostgreSQL's programs may have to be run in the database's pod. */
  readonly execs?: boolean;
}

/** Rights to one kind of thing in the namespace. */
export interface Right {
  readonly group: string;
  readonly resource: string;
  readonly verbs: readonly string[];
  readonly need: "always" | keyof Needs;
}

const declared = ["get", "list", "watch", "create", "patch"] as const;
const observed = ["get", "list"] as const;
/** Kubernetes 1.35 and newer want both for a connection to a pod, older ones `get`. */
const connected = ["get", "create"] as const;

/** The least that this program and Pulumi's plugin need; docs/kubernetes-role.yaml is made from it. */
export const rights: readonly Right[] = [
  { group: "apps", resource: "deployments", verbs: declared, need: "always" },
  { group: "apps", resource: "deployments/scale", verbs: ["get", "patch"], need: "always" },
  { group: "apps", resource: "replicasets", verbs: observed, need: "always" },
  { group: "autoscaling", resource: "horizontalpodautoscalers", verbs: observed, need: "always" },
  { group: "policy", resource: "poddisruptionbudgets", verbs: [...declared, "delete"], need: "always" },
  { group: "", resource: "configmaps", verbs: declared, need: "always" },
  { group: "", resource: "secrets", verbs: declared, need: "always" },
  { group: "", resource: "pods", verbs: observed, need: "always" },
  { group: "", resource: "pods/log", verbs: ["get"], need: "always" },
  { group: "", resource: "services", verbs: observed, need: "always" },
  { group: "", resource: "pods/exec", verbs: connected, need: "execs" },
  { group: "", resource: "pods/portforward", verbs: connected, need: "forwards" },
];

/** Rights that make texts better and backups more complete, and are not missed. */
export const helpful: readonly Right[] = [
  { group: "", resource: "events", verbs: ["list"], need: "always" },
  { group: "", resource: "namespaces", verbs: ["get"], need: "always" },
  { group: "apps", resource: "statefulsets", verbs: ["list"], need: "always" },
  { group: "networking.k8s.io", resource: "ingresses", verbs: ["list"], need: "always" },
];

interface Rule {
  readonly verbs?: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

interface Wanted {
  readonly group: string;
  readonly resource: string;
  readonly verb: string;
}

/**
 * The rights that this user lacks in the namespace, such as `patch deployments.apps`. What the server's own list of rules
 * does not grant is asked for singly: some servers cannot list what they would grant.
 *
 * @throws ClusterError
 */
export async function missingRights(place: ClusterPlace, needs: Needs): Promise<string[]> {
  const wanted = rights
    .filter(({ need }) => need === "always" || needs[need] === true)
    .flatMap(({ group, resource, verbs }) => verbs.map((verb): Wanted => ({ group, resource, verb })));
  const review = await ask<{ status?: { resourceRules?: readonly Rule[] } }>(place, {
    method: "POST",
    path: "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
    body: {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectRulesReview",
      spec: { namespace: place.namespace },
    },
  });
  const rules = review?.status?.resourceRules ?? [];
  const doubtful = wanted.filter((one) => !rules.some((rule) => grants(rule, one)));
  const allowed = await Promise.all(doubtful.map((one) => isAllowed(place, one)));
  return doubtful.filter((_, index) => allowed[index] === false).map(describeRight);
}

function grants({ verbs = [], apiGroups = [], resources = [], resourceNames = [] }: Rule, wanted: Wanted): boolean {
  const has = (list: readonly string[], value: string) => list.includes("*") || list.includes(value);
  return (
    resourceNames.length === 0 &&
    has(verbs, wanted.verb) &&
    has(apiGroups, wanted.group) &&
    has(resources, wanted.resource)
  );
}

async function isAllowed(place: ClusterPlace, { group, resource, verb }: Wanted): Promise<boolean> {
  const [name, subresource] = resource.split("/");
  const resourceAttributes = { namespace: place.namespace, verb, group, resource: name, subresource };
  const review = await ask<{ status?: { allowed?: boolean } }>(place, {
    method: "POST",
    path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    body: { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", spec: { resourceAttributes } },
  });
  return review?.status?.allowed === true;
}

function describeRight({ group, resource, verb }: Wanted): string {
  const [name, subresource] = resource.split("/");
  const kind = group === "" ? (name ?? "") : `${name}.${group}`;
  return `${verb} ${kind}${subresource === undefined ? "" : `/${subresource}`}`;
}
