import { makeSecret, type PropertyMap, type PropertyValue, unknownValue } from "../../../engine/property/value";

/** An object that the plugin made, whose changes are asked for. */
export type StateName =
  "configMap" | "secret" | "deployment" | "service" | "budget" | "statefulSet" | "namespace" | "claim";

/** What the type of each state is called. */
export const types: Readonly<Record<StateName, string>> = {
  configMap: "kubernetes:core/v1:ConfigMap",
  secret: "kubernetes:core/v1:Secret",
  deployment: "kubernetes:apps/v1:Deployment",
  service: "kubernetes:core/v1:Service",
  budget: "kubernetes:policy/v1:PodDisruptionBudget",
  statefulSet: "kubernetes:apps/v1:StatefulSet",
  namespace: "kubernetes:core/v1:Namespace",
  claim: "kubernetes:core/v1:PersistentVolumeClaim",
};

const app = { app: "web" };
const metadata = (name: string): PropertyMap => ({ name, annotations: { "pulumi.com/skipAwait": "true" } });

const container: PropertyMap = {
  ...{ name: "web", image: "octollm/web:0.1.0", imagePullPolicy: "Never", command: ["node", "web.js"] },
  env: [
    { name: "PORT", value: "8000" },
    { name: "PASSWORD", valueFrom: { secretKeyRef: { name: "secret", key: "password" } } },
  ],
  envFrom: [{ configMapRef: { name: "cfg" } }, { secretRef: { name: "secret", optional: false } }],
  ports: [{ name: "http", containerPort: 8000 }],
  resources: { requests: { cpu: "0.05", memory: "64Mi" }, limits: { memory: "1024Mi" } },
  readinessProbe: { httpGet: { path: "/health", port: 8000 }, periodSeconds: 2 },
  lifecycle: { preStop: { sleep: { seconds: 5 } } },
  securityContext: { runAsNonRoot: true, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
  volumeMounts: [{ name: "tmp", mountPath: "/tmp", readOnly: false }],
};

const podTemplate = (one: PropertyMap = container): PropertyMap => ({
  metadata: { labels: app, annotations: { "octollm-upgrade/release": "0.1.0" } },
  spec: { containers: [one], volumes: [{ name: "tmp", emptyDir: {} }], terminationGracePeriodSeconds: 15 },
});

const spec: PropertyMap = {
  replicas: 0,
  selector: { matchLabels: app },
  strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
  template: podTemplate(),
};

/** What each state is made from. */
export const inputs: Readonly<Record<StateName, PropertyMap>> = {
  namespace: { apiVersion: "v1", kind: "Namespace", metadata: { name: "standin", labels: { team: "a" } } },
  configMap: { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "cfg" }, data: { A: "1", "b.c": "x" } },
  secret: {
    ...{ apiVersion: "v1", kind: "Secret", metadata: { name: "secret", labels: app } },
    stringData: makeSecret({ password: "hush" }),
  },
  deployment: { apiVersion: "apps/v1", kind: "Deployment", metadata: metadata("web"), spec },
  service: {
    ...{ apiVersion: "v1", kind: "Service", metadata: metadata("web") },
    spec: { selector: app, ports: [{ name: "http", port: 80, targetPort: "http" }] },
  },
  budget: {
    ...{ apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata: { name: "web" } },
    spec: { maxUnavailable: 1, selector: { matchLabels: app } },
  },
  statefulSet: {
    ...{ apiVersion: "apps/v1", kind: "StatefulSet", metadata: metadata("db") },
    spec: { replicas: 0, serviceName: "db", selector: { matchLabels: app }, template: podTemplate() },
  },
  claim: {
    ...{ apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: metadata("data") },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1024Mi" } }, storageClassName: "" },
  },
};

/** The object with a member set; undefined takes it away. Numbers are indices. */
function changed(object: PropertyMap, path: string, value: PropertyValue | undefined): PropertyMap {
  const copy = structuredClone(object);
  const keys = path.split("/");
  const last = keys.pop() ?? "";
  let inner: Record<string, PropertyValue> | PropertyValue[] = copy;
  for (const key of keys) inner = inner[key] as Record<string, PropertyValue>;
  if (value !== undefined) inner[last] = value;
  else if (Array.isArray(inner)) inner.splice(Number(last), 1);
  else delete inner[last];
  return copy;
}

const first = "spec/template/spec/containers/0";
const env = (container.env as PropertyMap[]).map((item) => item);

/** Members of each state, each with every value that is worth asking for. */
const changes: Readonly<
  Record<StateName, readonly (readonly [path: string, ...values: (PropertyValue | undefined)[]])[]>
> = {
  namespace: [
    ["metadata/labels/team", "b", undefined],
    ["metadata/name", "other"],
  ],
  configMap: [
    ["data/A", "2", undefined, unknownValue, "", null],
    ["data/b.c", "y"],
    ["data/new", "n"],
    ["data", undefined, {}, unknownValue],
    ["binaryData", { b: "eHg=" }, {}],
    ["immutable", true, false],
    ["metadata/name", "other", undefined, unknownValue],
    ["metadata/namespace", "default", "standin", unknownValue],
    ["metadata/labels", { a: "b" }, {}, null],
    ["metadata/annotations", { "pulumi.com/timeoutSeconds": "20" }],
    ["metadata", unknownValue],
  ],
  secret: [
    [
      "stringData",
      makeSecret({ password: "other" }),
      makeSecret({ password: "hush", more: "1" }),
      undefined,
      unknownValue,
    ],
    ["stringData", { password: makeSecret("other") }, { password: unknownValue }],
    ["data", makeSecret({ password: "aHVzaA==" }), { more: "aHVzaA== \n" }],
    ["type", "Opaque", "kubernetes.io/basic-auth"],
    ["metadata/labels/app", "other"],
    ["immutable", true],
  ],
  deployment: [
    ["spec/replicas", 1, undefined],
    [`${first}/image`, "octollm/web:0.2.0", unknownValue],
    [`${first}/env`, [{ name: "X", value: "1" }, ...env], env.slice(1), env.toReversed(), [], undefined, unknownValue],
    [`${first}/env/0/value`, "8001", "", makeSecret("8001"), unknownValue],
    [`${first}/envFrom/1/secretRef/optional`, true, undefined],
    [
      `${first}/ports`,
      [{ name: "http", containerPort: 8000, protocol: "TCP" }],
      [{ containerPort: 8000, hostPort: 0 }],
    ],
    [`${first}/resources/requests/cpu`, "50m", "0.1", "1000m"],
    [`${first}/resources/limits/memory`, "1Gi", "1073741824", "2Gi", 1_073_741_824],
    [`${first}/readinessProbe/httpGet/port`, "8000", "http", 8001],
    [`${first}/readinessProbe/initialDelaySeconds`, 0, 3],
    [`${first}/readinessProbe/failureThreshold`, 3],
    [`${first}/livenessProbe`, { httpGet: { path: "/health", port: 8000 } }, {}],
    [`${first}/securityContext/runAsNonRoot`, false, undefined],
    [`${first}/securityContext/privileged`, false],
    [`${first}/securityContext`, {}, undefined],
    [`${first}/volumeMounts/0/readOnly`, true, undefined],
    [`${first}/stdin`, false, true],
    [`${first}/command`, ["node"], ["node", "web.js", "--x"], ["sh", "web.js"]],
    [`${first}/name`, "other"],
    ["spec/template/spec/volumes", [], undefined, [{ name: "tmp", emptyDir: { sizeLimit: "1024Ki" } }]],
    ["spec/template/spec/hostNetwork", false, true],
    ["spec/template/spec/automountServiceAccountToken", false],
    ["spec/template/spec/nodeSelector", {}, { disk: "ssd" }],
    ["spec/template/spec/securityContext", {}, { fsGroup: 0 }],
    ["spec/template/spec/containers", [container, { name: "side", image: "x:1" }]],
    ["spec/template/metadata/annotations", { "octollm-upgrade/release": "0.2.0", more: "1" }, undefined],
    ["spec/template/metadata/creationTimestamp", null],
    ["spec/strategy", { type: "Recreate" }, undefined, {}],
    ["spec/strategy/rollingUpdate/maxSurge", "25%", 0],
    ["spec/minReadySeconds", 0, 5],
    ["spec/paused", false, true],
    ["spec/selector/matchLabels/tier", "a"],
    ["spec/selector", { matchExpressions: [{ key: "app", operator: "Exists" }] }],
    ["spec", unknownValue],
    ["metadata/annotations", { "pulumi.com/patchFieldManager": "octollm-upgrade" }],
    ["status", {}],
  ],
  service: [
    ["spec/ports/0/targetPort", 8000, "8000", undefined],
    ["spec/ports/0/nodePort", 0, 30_123],
    ["spec/ports", [{ port: 80 }, { port: 81 }]],
    ["spec/type", "ClusterIP", "NodePort"],
    ["spec/clusterIP", "None", "10.96.0.77"],
    ["spec/selector", { app: "other" }, {}],
    ["spec/sessionAffinity", "None", "ClientIP"],
    ["spec/publishNotReadyAddresses", false],
  ],
  budget: [
    ["spec/maxUnavailable", 0, "50%"],
    ["spec/minAvailable", 1],
    ["spec/selector/matchLabels/app", "other"],
    ["spec/selector", {}],
  ],
  statefulSet: [
    ["spec/replicas", 1],
    ["spec/serviceName", "other"],
    ["spec/podManagementPolicy", "Parallel", "OrderedReady"],
    [`${first}/image`, "octollm/web:0.2.0"],
    ["spec/updateStrategy", { type: "OnDelete" }, { rollingUpdate: { partition: 0 } }],
    ["spec/volumeClaimTemplates", [{ metadata: { name: "d" }, spec: { accessModes: ["ReadWriteOnce"] } }]],
  ],
  claim: [
    ["spec/resources/requests/storage", "1Gi", "2Gi"],
    ["spec/accessModes", ["ReadWriteMany"]],
    ["spec/storageClassName", "fast", undefined],
    ["spec/volumeName", "v1"],
  ],
};

/** A change of a state that a provider is asked about. */
export interface DiffCase {
  readonly name: string;
  readonly state: StateName;
  readonly inputs: PropertyMap;
  readonly ignoreChanges: readonly string[];
  /** Whether the provider has none of the settings of the program's own stacks. */
  readonly plain: boolean;
}

const shown = (value: PropertyValue | undefined): string =>
  value === undefined
    ? "gone"
    : JSON.stringify(value)
        .replaceAll(unknownValue, "unknown")
        .replace(/"4dabf[^,]*,/, "secret ");

function diffCase(
  state: StateName,
  path: string,
  value: PropertyValue | undefined,
  more: Partial<DiffCase> = {},
): DiffCase {
  const name = `${state}: ${path} ${shown(value)}${more.plain ? ", without settings" : ""}${(more.ignoreChanges ?? []).map((ignored) => `, ${ignored} ignored`).join("")}`;
  const news = changed(inputs[state], path, value);
  return { name, state, inputs: news, ignoreChanges: [], plain: false, ...more };
}

const all = (Object.keys(types) as StateName[]).flatMap((state) =>
  changes[state].flatMap(([path, ...values]) => values.map((value) => diffCase(state, path, value))),
);

/** All changes that are asked about. */
export const diffCases: readonly DiffCase[] = [
  ...(Object.keys(types) as StateName[]).map((state) => ({
    ...diffCase(state, "apiVersion", inputs[state].apiVersion),
    name: `${state}: nothing`,
  })),
  ...all,
  ...all
    .filter(({ state }) => ["configMap", "secret"].includes(state))
    .map((one) => ({
      ...one,
      name: `${one.name}, without settings`,
      plain: true,
    })),
  diffCase("deployment", `${first}/image`, "x:2", { ignoreChanges: ["spec.template.spec.containers[0].image"] }),
  diffCase("deployment", `${first}/image`, "x:2", { ignoreChanges: ["spec.template"] }),
  diffCase("deployment", "spec/replicas", 3, { ignoreChanges: ["spec.replicas"] }),
  diffCase("configMap", "data/A", "3", { ignoreChanges: ["data"] }),
  diffCase("configMap", "data/A", "3", { ignoreChanges: ['data["b.c"]'] }),
];

/** Inputs that a provider is asked to check, by name; of an object that is not there yet. */
export const checkCases: readonly (DiffCase & { readonly olds: PropertyMap })[] = [
  ...diffCases
    .filter(({ plain, ignoreChanges }) => !plain && ignoreChanges.length === 0)
    .map((one) => ({ ...one, olds: {} })),
  ...(["configMap", "secret"] as const).map((state) => ({
    ...diffCase(state, "metadata/name", undefined),
    name: `${state}: no name, with the name that it was given before`,
    olds: {
      ...inputs[state],
      metadata: { name: "it-12345678", annotations: { "pulumi.com/autonamed": "true" } },
    },
  })),
];
