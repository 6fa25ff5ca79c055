import assert from "node:assert/strict";

import {
  budgetManifest,
  configMapManifest,
  deploymentManifest,
  secretManifest,
} from "../../runtimes/kubernetes/manifest";
import type { Container, Deployment, KubernetesObject, PodSpec } from "../../runtimes/kubernetes/objects";

interface Differences {
  readonly container?: Partial<Container> & Record<string, unknown>;
  readonly pod?: Partial<PodSpec> & Record<string, unknown>;
  readonly spec?: object;
  readonly annotations?: Record<string, string>;
}

/** A Deployment as the server answers. */
function live({ container = {}, pod = {}, spec = {}, annotations = {} }: Differences = {}): Deployment {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      name: "orchestrator",
      namespace: "octollm",
      uid: "2f0b",
      resourceVersion: "77",
      generation: 3,
      creationTimestamp: "2026-11-24T18:00:00Z",
      labels: { app: "orchestrator", team: "blue" },
      annotations: {
        "deployment.kubernetes.io/revision": "4",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        owner: "ops",
        ...annotations,
      },
      managedFields: [{ manager: "kubectl", operation: "Update", fieldsV1: {} }],
    },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: "orchestrator" } },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "25%", maxSurge: "25%" } },
      template: {
        metadata: { labels: { app: "orchestrator" }, annotations: { scrape: "yes" }, creationTimestamp: null } as never,
        spec: {
          containers: [
            { name: "proxy", image: "proxy:1" },
            { name: "orchestrator", image: "octollm/orchestrator:0.1.0", ...container },
          ],
          ...{ securityContext: { runAsNonRoot: true }, ...pod },
        },
      },
      ...spec,
    },
    status: { observedGeneration: 3, replicas: 3 },
  };
}

const service = {
  image: "octollm/orchestrator:1.0.0",
  release: "1.0.0",
  port: 8000,
  health: "/health",
  podContainer: "orchestrator",
};

function declare(object: Deployment, more: Partial<typeof service> = {}): Deployment {
  return deploymentManifest({ object }, { ...service, ...more }, { attempt: 3, checksum: "0123456789ab" });
}

function serving(manifest: Deployment): Container | undefined {
  return manifest.spec.template.spec.containers.find(({ name }) => name === "orchestrator");
}

describe("the manifest of a Deployment", () => {
  it("is what the operator has, with image, release, checksum and cause, and without what the server keeps", () => {
    assert.deepEqual(declare(live()), {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: {
        name: "orchestrator",
        namespace: "octollm",
        labels: { app: "orchestrator", team: "blue" },
        annotations: {
          owner: "ops",
          "octollm-upgrade/attempt": "3",
          "kubernetes.io/change-cause": "OctoLLM 1.0.0 (attempt 3)",
          "pulumi.com/skipAwait": "true",
          "pulumi.com/patchFieldManager": "octollm-upgrade",
        },
      },
      spec: {
        selector: { matchLabels: { app: "orchestrator" } },
        strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: "25%" } },
        template: {
          metadata: {
            labels: { app: "orchestrator" },
            annotations: {
              scrape: "yes",
              "octollm-upgrade/release": "1.0.0",
              "octollm-upgrade/environment": "0123456789ab",
            },
          },
          spec: {
            containers: [
              { name: "proxy", image: "proxy:1" },
              {
                name: "orchestrator",
                image: "octollm/orchestrator:1.0.0",
                lifecycle: { preStop: { sleep: { seconds: 5 } } },
                readinessProbe: {
                  httpGet: { path: "/health", port: 8000, scheme: "HTTP" },
                  ...{ periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 3 },
                },
              },
            ],
            securityContext: { runAsNonRoot: true },
          },
        },
      },
    });
  });

  it("never says how many replicas there are: whoever scales them goes on doing so", () => {
    assert.equal("replicas" in declare(live()).spec, false);
    assert.equal("replicas" in declare(live({ spec: { replicas: 0 } })).spec, false);
  });

  it("says nothing of what an attempt remembers in annotations", () => {
    const annotations = { "octollm-upgrade/before": "{}", "octollm-upgrade/replicas": "3" };
    const declared = Object.keys(declare(live({ annotations })).metadata.annotations ?? {});
    assert.deepEqual(
      declared.filter((key) => key in annotations),
      [],
    );
  });

  it("keeps fields that this program has never heard of", () => {
    const container = { resizePolicy: [{ resourceName: "cpu", restartPolicy: "NotRequired" }] };
    const manifest = declare(live({ container, pod: { fromTheFuture: { a: 1 } }, spec: { minReadySeconds: 7 } }));
    assert.deepEqual((serving(manifest) as unknown as typeof container).resizePolicy, container.resizePolicy);
    assert.deepEqual((manifest.spec.template.spec as unknown as { fromTheFuture: unknown }).fromTheFuture, { a: 1 });
    assert.equal((manifest.spec as unknown as { minReadySeconds: number }).minReadySeconds, 7);
  });

  it("leaves the operator's own probe and preStop alone", () => {
    const container = {
      readinessProbe: { exec: { command: ["true"] } },
      lifecycle: { preStop: { exec: { command: ["sleep", "9"] } }, postStart: { exec: { command: ["true"] } } },
    };
    const declared = serving(declare(live({ container })));
    assert.deepEqual(declared?.readinessProbe, container.readinessProbe);
    assert.deepEqual(declared?.lifecycle, container.lifecycle);
  });

  it("adds no probe to a service without a port", () => {
    assert.equal(serving(declare(live(), { port: 0 }))?.readinessProbe, undefined);
  });

  it("gives a pod that has little time to end as much more as it goes on serving", () => {
    const graceOf = (pod: Partial<PodSpec>) => declare(live({ pod })).spec.template.spec.terminationGracePeriodSeconds;
    assert.equal(graceOf({ terminationGracePeriodSeconds: 5 }), 10);
    assert.equal(graceOf({ terminationGracePeriodSeconds: 6 }), 6);
    assert.equal(graceOf({}), undefined);
  });

  it("surges by one where nothing did, and keeps Recreate, which the operator has chosen", () => {
    const strategyOf = (strategy: object) => declare(live({ spec: { strategy } })).spec.strategy;
    const rolling = { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } };
    assert.deepEqual(strategyOf({ type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } }), rolling);
    assert.deepEqual(
      strategyOf({ type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1, maxSurge: "0%" } }),
      rolling,
    );
    assert.deepEqual(strategyOf({ type: "Recreate" }), { type: "Recreate" });
  });

  it("made of its own result says the same again", () => {
    const once = declare(live());
    assert.deepEqual(declare(once), once);
  });
});

describe("the manifests of ConfigMap and Secret", () => {
  const object: KubernetesObject = {
    metadata: {
      name: "octollm-secrets",
      namespace: "octollm",
      uid: "1",
      resourceVersion: "9",
      labels: { team: "blue" },
      annotations: { "kubectl.kubernetes.io/last-applied-configuration": '{"stringData":{"A":"secret"}}', mine: "1" },
    },
    ...{ type: "octollm/variables", data: { OLD: "x" }, binaryData: { blob: "AA==" } },
  };

  it("hold the given data and nothing of before, and never kubectl's copy of a Secret in clear", () => {
    assert.deepEqual(secretManifest({ live: object, data: { A: "ä" } }), {
      apiVersion: "v1",
      kind: "Secret",
      metadata: {
        name: "octollm-secrets",
        namespace: "octollm",
        labels: { team: "blue" },
        annotations: {
          mine: "1",
          "pulumi.com/skipAwait": "true",
          "pulumi.com/patchFieldManager": "octollm-upgrade",
        },
      },
      type: "octollm/variables",
      data: { A: "w6Q=" },
    });
  });

  it("keep the files of a ConfigMap, and no text in the object that keeps none", () => {
    const annotations = { ...object.metadata.annotations, "octollm-upgrade/environment": "b2xk" };
    const kept = { ...object, metadata: { ...object.metadata, annotations } };
    const manifest = configMapManifest({ live: kept, data: { A: "1" }, kept: null });
    assert.deepEqual((manifest as { binaryData?: unknown }).binaryData, { blob: "AA==" });
    assert.equal(manifest.metadata.annotations?.["octollm-upgrade/environment"], undefined);
  });
});

describe("a PodDisruptionBudget", () => {
  it("lets one pod at a time be evicted of a Deployment that wants one", () => {
    const manifest = budgetManifest({ object: live(), wantsBudget: true }) as { spec?: unknown } | null;
    assert.deepEqual(manifest?.spec, { maxUnavailable: 1, selector: { matchLabels: { app: "orchestrator" } } });
    assert.equal(budgetManifest({ object: live(), wantsBudget: false }), null);
  });
});
