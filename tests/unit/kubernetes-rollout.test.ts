import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { linesSince } from "../../runtimes/kubernetes/log";
import type { Pod } from "../../runtimes/kubernetes/objects";
import type { DeploymentParts } from "../../runtimes/kubernetes/read";
import { judgeRollout, type Rollout } from "../../runtimes/kubernetes/trouble";

/** What a Kubernetes 1.34 had made of a Deployment of two replicas when its rollout was given up, by what was wrong. */
const recorded = JSON.parse(readFileSync("tests/fixtures/kubernetes/rollouts.json", "utf8")) as Record<
  string,
  DeploymentParts
>;

function recording(name: string): DeploymentParts {
  const parts = recorded[name];
  assert.ok(parts, name);
  return structuredClone(parts);
}

function judge(name: string): Rollout {
  const rollout = judgeRollout(recording(name));
  assert.equal(rollout.done, false);
  return rollout;
}

describe("a rollout that does not get on", () => {
  it("names an image that is not on the node and must not be pulled, and soon gives up", () => {
    const { trouble, olderServing, detail } = judge("neverPull");
    assert.match(
      trouble?.text ?? "",
      /^image 'octollm\/orchestrator:9\.9\.9' of pod 'orchestrator-\w+-\w+' is not on the node/,
    );
    assert.equal(trouble?.lastsAfter, 5);
    assert.equal(olderServing, 2);
    assert.equal(detail, "0 of 2 pods ready, 2 older still there");
  });

  it("names an image that cannot be pulled with the registry's last word, which may pass for a minute", () => {
    const { trouble } = judge("pull");
    assert.match(
      trouble?.text ?? "",
      /^image 'octollm\/orchestrator:9\.9\.9' .* cannot be pulled \((ErrImagePull|ImagePullBackOff)\): /,
    );
    assert.equal(trouble?.lastsAfter, 60);
  });

  it("tells the exit code of a container that crashes, gives up after three restarts, and knows whose last words to read", () => {
    const { trouble } = judge("crash");
    assert.match(
      trouble?.text ?? "",
      /^container 'orchestrator' of pod '.*' ended with exit code 3, after 3 restarts$/,
    );
    assert.equal(trouble?.lastsAfter, 0);
    assert.equal(trouble?.where?.container, "orchestrator");
  });

  it("waits on for a container that runs and is not ready", () => {
    const { trouble } = judge("unwell");
    assert.match(trouble?.text ?? "", /^container 'orchestrator' of pod '.*' runs, but is not ready$/);
    assert.equal(trouble?.lastsAfter, null);
    assert.equal(trouble?.where?.crashed, false);
  });

  it("tells a container that was killed for want of memory from one that has ended by itself", () => {
    assert.match(judge("oom").trouble?.text ?? "", /was killed for want of memory \(OOMKilled\), after \d restarts?$/);
  });

  it("says why a pod finds no node, and waits on: there may be another", () => {
    const { trouble } = judge("unschedulable");
    assert.match(trouble?.text ?? "", /finds no node: .*Insufficient cpu/);
    assert.equal(trouble?.lastsAfter, null);
  });

  it("names a variable that the Secret does not have", () => {
    assert.match(
      judge("noKey").trouble?.text ?? "",
      /cannot be made \(CreateContainerConfigError\): couldn't find key NOSUCH in Secret octollm\/octollm-secrets$/,
    );
  });

  it("names the quota that lets the cluster make no pod, and gives pods that are ending a minute to be gone", () => {
    const { trouble } = judge("quota");
    assert.match(trouble?.text ?? "", /^the cluster may make no pod: .*exceeded quota: pods, requested: pods=1/);
    assert.equal(trouble?.lastsAfter, 60);
  });

  it("says at once that the Deployment is paused", () => {
    const { trouble } = judge("paused");
    assert.match(trouble?.text ?? "", /is paused; 'kubectl rollout resume'/);
    assert.equal(trouble?.lastsAfter, 0);
  });

  it("takes neither an evicted pod nor one that is ending for a failure", () => {
    const parts = recording("crash");
    const pods = parts.pods.map((pod): Pod => ({
      ...pod,
      status: { ...pod.status, phase: "Failed", reason: "Evicted" },
    }));
    assert.equal(judgeRollout({ ...parts, pods }).trouble, null);
    const ending = parts.pods.map((pod): Pod => {
      return { ...pod, metadata: { ...pod.metadata, deletionTimestamp: "2026-11-24T18:00:00Z" } };
    });
    assert.equal(judgeRollout({ ...parts, pods: ending }).trouble, null);
  });

  it("is not taken for done while the cluster has not seen the change yet, though all pods are ready", () => {
    const { deployment, ...others } = recording("unwell");
    const status = { ...deployment.status, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2 };
    assert.equal(judgeRollout({ deployment: { ...deployment, status }, ...others }).done, true);
    const metadata = { ...deployment.metadata, generation: (deployment.metadata.generation ?? 0) + 1 };
    assert.equal(judgeRollout({ deployment: { ...deployment, metadata, status }, ...others }).done, false);
  });

  it("is not done while a pod of before is left", () => {
    const { deployment, ...others } = recording("unwell");
    const status = { ...deployment.status, replicas: 3, updatedReplicas: 2, readyReplicas: 3, availableReplicas: 3 };
    assert.equal(judgeRollout({ deployment: { ...deployment, status }, ...others }).done, false);
  });
});

describe("a pod's log", () => {
  it("is read from a moment on, to the millisecond, without the times that the cluster puts in front", () => {
    const text = [
      "2026-11-24T18:00:00.100000001Z ERROR of before",
      "2026-11-24T18:00:00.900000000Z ERROR of now",
      "2026-11-24T18:00:01.000000000Z ",
      "",
    ].join("\n");
    assert.deepEqual(linesSince(text, Date.parse("2026-11-24T18:00:00.500Z")), ["ERROR of now"]);
    assert.deepEqual(linesSince(text, 0), ["ERROR of before", "ERROR of now"]);
  });
});
