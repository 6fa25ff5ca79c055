import { logLines, type LogPlace } from "../../../runtimes/kubernetes/log";
import { collections, type Container, type Pod } from "../../../runtimes/kubernetes/objects";
import { withoutSecrets } from "../../../runtimes/secrets";
import type { PropertyMap } from "../../property/value";
import type { Cluster } from "./cluster";

/** Where words are looked for. */
interface Where {
  readonly pod: string;
  readonly container: string;
  /** Whether it has ended, so that its words are those of the container before. */
  readonly crashed: boolean;
}

/** The last lines of a container's log; none where its Secrets cannot be read, since they could be in them. */
export async function lastWords(
  cluster: Cluster,
  namespace: string,
  { pod, container, crashed }: Where,
): Promise<string[]> {
  try {
    const place = { pod, container, previous: crashed } satisfies LogPlace;
    const lines = await logLines({ cluster: cluster.placeOf(namespace) }, place, { tail: 10 });
    const secrets = lines.length > 0 ? await secretsOf(cluster, namespace, pod) : {};
    return lines.map((line) => `  ${withoutSecrets(line, secrets)}`);
  } catch {
    return [];
  }
}

/** All that the pod's containers are given of Secrets. */
async function secretsOf(cluster: Cluster, namespace: string, name: string): Promise<Record<string, string>> {
  const pod = await cluster.look<Pod>(`${collections.pods(namespace)}/${name}`);
  const names = new Set(pod?.spec.containers.flatMap(secretNames));
  const secrets = await Promise.all(
    [...names].map((secret) => cluster.look<PropertyMap>(`${collections.secrets(namespace)}/${secret}`)),
  );
  const entries = secrets.flatMap((secret) => Object.entries((secret?.data ?? {}) as Record<string, string>));
  // Whatever its name sounds like, it is secret.
  return Object.fromEntries(entries.map(([key, value]) => [`SECRET_${key}`, Buffer.from(value, "base64").toString()]));
}

function secretNames({ env = [], envFrom = [] }: Container): string[] {
  const names = [
    ...envFrom.map(({ secretRef }) => secretRef?.name),
    ...env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
  ];
  return names.filter((name) => name !== undefined);
}
