import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { parseAllDocuments } from "yaml";

import { gitopsOwner } from "../../runtimes/kubernetes/gitops";
import { changedBy, ownersOf, withoutReplicas } from "../../runtimes/kubernetes/managers";
import type { KubernetesObject, ManagedFields } from "../../runtimes/kubernetes/objects";
import { helpful, rights } from "../../runtimes/kubernetes/rights";
import { selectorText, selects } from "../../runtimes/kubernetes/selector";

const containerFields = {
  "f:spec": {
    "f:replicas": {},
    "f:template": {
      "f:spec": {
        "f:containers": { 'k:{"name":"web"}': { ".": {}, "f:image": {}, "f:name": {} } },
        "f:terminationGracePeriodSeconds": {},
      },
    },
  },
};

function owned(manager: string, more: Partial<ManagedFields> = {}): KubernetesObject {
  const entry: ManagedFields = { manager, operation: "Update", fieldsV1: containerFields, ...more };
  return {
    metadata: { name: "web", managedFields: [entry] },
    ...{
      spec: {
        replicas: 2,
        template: { spec: { containers: [{ name: "web", image: "web:1" }], terminationGracePeriodSeconds: 30 } },
      },
    },
  };
}

const manifest = {
  spec: { template: { spec: { containers: [{ name: "web", image: "web:2" }], terminationGracePeriodSeconds: 30 } } },
};

function conflicts(object: KubernetesObject): readonly string[] {
  return ownersOf(object, changedBy(object, manifest)).foreign;
}

describe("fields that another manager owns", () => {
  it("are named when the manifest changes them, as the server would name them", () => {
    assert.deepEqual(conflicts(owned("autodeployer")), [
      'autodeployer: .spec.template.spec.containers[name="web"].image',
    ]);
  });

  it("are nothing to ask about when kubectl, Pulumi or the cluster itself has written them", () => {
    for (const manager of [
      "kubectl",
      "kubectl-client-side-apply",
      "pulumi-kubernetes-1f2e3d4c",
      "octollm-upgrade",
      "kube-controller-manager",
    ])
      assert.deepEqual(conflicts(owned(manager)), [], manager);
  });

  it("do not count where they are of the status or the scale: an autoscaler goes on", () => {
    assert.deepEqual(conflicts(owned("autoscaler", { subresource: "scale" })), []);
  });

  it("name keys of a ConfigMap with dots and dashes as such", () => {
    const fieldsV1 = { "f:data": { ".": {}, "f:LOG_LEVEL": {}, "f:app.conf": {} } };
    const { foreign } = ownersOf(owned("external-secrets", { fieldsV1 }), ({ path }) => path.startsWith(".data"));
    assert.deepEqual(foreign, ["external-secrets: .data.LOG_LEVEL", 'external-secrets: .data."app.conf"']);
  });
});

describe("replicas that kubectl has once applied", () => {
  it("are released, and nothing else is", () => {
    const [entry] = withoutReplicas(owned("kubectl-client-side-apply")) ?? [];
    assert.deepEqual(entry?.fieldsV1, { "f:spec": { "f:template": containerFields["f:spec"]["f:template"] } });
  });

  it("are left alone where an autoscaler or somebody else has them, and where nobody has", () => {
    assert.equal(withoutReplicas(owned("kubectl", { subresource: "scale" })), null);
    assert.equal(withoutReplicas(owned("autodeployer")), null);
    assert.equal(withoutReplicas(owned("kubectl", { fieldsV1: {} })), null);
  });
});

describe("an object that a GitOps tool owns", () => {
  const object = (metadata: object): KubernetesObject => ({ metadata: { name: "web", ...metadata } });

  it("is told by the tool's labels, annotations and field managers", () => {
    const cases: readonly (readonly [object, string])[] = [
      [{ labels: { "argocd.argoproj.io/instance": "octollm" } }, "Argo CD (argocd.argoproj.io/instance: octollm)"],
      [{ annotations: { "argocd.argoproj.io/tracking-id": "a:b" } }, "Argo CD (argocd.argoproj.io/tracking-id: a:b)"],
      [{ labels: { "kustomize.toolkit.fluxcd.io/name": "apps" } }, "Flux (kustomize.toolkit.fluxcd.io/name: apps)"],
      [{ managedFields: [{ manager: "kustomize-controller" }] }, "Flux (field manager kustomize-controller)"],
      [{ managedFields: [{ manager: "fleetagent" }] }, "Fleet (field manager fleetagent)"],
      [{ annotations: { "meta.helm.sh/release-name": "octollm" } }, "Helm (meta.helm.sh/release-name: octollm)"],
      [{ labels: { "app.kubernetes.io/managed-by": "Helm" } }, "Helm (app.kubernetes.io/managed-by: Helm)"],
    ];
    for (const [metadata, owner] of cases) assert.equal(gitopsOwner(object(metadata)), owner);
  });

  it("is none that people have applied, whatever its labels are", () => {
    const labels = { "app.kubernetes.io/instance": "octollm", "app.kubernetes.io/managed-by": "kustomize" };
    assert.equal(gitopsOwner(object({ labels, managedFields: [{ manager: "kubectl" }] })), null);
  });
});

describe("a selector", () => {
  const labels = { app: "web", tier: "front" };

  it("chooses by labels and expressions", () => {
    const expression = (key: string, operator: string, ...values: string[]) => ({
      matchExpressions: [{ key, operator, values }],
    });
    assert.equal(selects({ matchLabels: { app: "web" } }, labels), true);
    assert.equal(selects({ matchLabels: { app: "api" } }, labels), false);
    assert.equal(selects(expression("tier", "In", "front", "back"), labels), true);
    assert.equal(selects(expression("tier", "NotIn", "front"), labels), false);
    assert.equal(selects(expression("team", "Exists"), labels), false);
    assert.equal(selects(expression("team", "DoesNotExist"), labels), true);
    assert.equal(selects({}, labels), true);
  });

  it("is written as the API wants it", () => {
    const matchExpressions = [
      { key: "tier", operator: "In", values: ["front", "back"] },
      { key: "team", operator: "DoesNotExist" },
    ];
    assert.equal(selectorText({ matchLabels: { app: "web" }, matchExpressions }), "app=web,tier in (front,back),!team");
  });
});

describe("the documented least Role", () => {
  it("grants exactly the rights that are looked for, and those that make texts better", () => {
    const [role] = parseAllDocuments(readFileSync("docs/kubernetes-role.yaml", "utf8")).map(
      (document) =>
        document.toJS() as { kind: string; rules: { apiGroups: string[]; resources: string[]; verbs: string[] }[] },
    );
    assert.equal(role?.kind, "Role");
    const granted = role.rules.flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`)),
      ),
    );
    const wanted = [...rights, ...helpful].flatMap(({ group, resource, verbs }) =>
      verbs.map((verb) => `${verb} ${group}/${resource}`),
    );
    assert.deepEqual(granted.toSorted(), wanted.toSorted());
  });
});
