import assert from "node:assert/strict";

import { followsAsDeclared, planDeployments } from "../../planner/deployments";
import { judgeCluster } from "../../planner/obstacles/cluster";
import type { DeploymentPlan, Plan } from "../../planner/plan";
import { summarise, unwrapped } from "../../planner/summary";
import type { ClusterWorld, ObjectOwners, ServiceDeployment, World } from "../../planner/world";
import { loadCatalogue } from "../../releases/catalogue";
import type { Catalogue } from "../../releases/release";
import { goal, invent, planned, refused, service, world } from "./planner-cases";

/** The second release lets the first go on, the third does not. */
const catalogue = invent([
  { revisions: [{ revision: "a1" }] },
  { revisions: [{ revision: "b1" }] },
  { revisions: [{ revision: "c1", previousCode: "breaks" }] },
]);
const nobody: ObjectOwners = { gitops: null, foreign: [] };
const variables = "ConfigMap octollm-config and Secret octollm-secrets";

/** The Deployment of a release, before the stack has declared it. */
function deployment(changes: Partial<ServiceDeployment> = {}): ServiceDeployment {
  return {
    name: "octollm-orchestrator",
    exists: true,
    image: "octollm/orchestrator:x",
    attempt: null,
    release: null,
    followsVariables: null,
    ownVariables: [],
    paused: false,
    gap: null,
    wantsBudget: false,
    owners: nobody,
    dependsOn: [],
    ...changes,
  };
}

const cluster: ClusterWorld = {
  name: "context 'production', namespace 'octollm'",
  missingRights: [],
  variables: [
    { name: "ConfigMap octollm-config", immutable: false, owners: nobody },
    { name: "Secret octollm-secrets", immutable: false, owners: nobody },
  ],
};

/** An installation of one release whose only service is this Deployment. */
function installation(
  release: string,
  revision: string,
  of: Partial<ServiceDeployment>,
  more: Partial<World> = {},
): World {
  return world(release, revision, {
    cluster,
    services: [{ ...service, release, deployment: deployment(of) }],
    ...more,
  });
}

/** The Deployment that the plans below declare. */
const declared: DeploymentPlan = {
  service: "orchestrator",
  deployment: "octollm-orchestrator",
  image: "octollm/orchestrator:x",
  keeps: null,
  rolls: true,
  gap: null,
  budget: false,
  after: [],
};
const ours = { attempt: 5, release: "1.0.0", followsVariables: true };

interface Row {
  readonly title: string;
  readonly world: World;
  readonly move: readonly [from: string, to: string];
  readonly stopped?: boolean;
  readonly emptyStack?: boolean;
  readonly expected: readonly DeploymentPlan[] | null;
}

const rows: readonly Row[] = [
  { title: "processes", world: world("1.0.0", "a1"), move: ["1.0.0", "2.0.0"], expected: null },
  {
    title: "an installation that is adopted, whoever has written its Deployments",
    world: installation("1.0.0", "a1", ours),
    move: ["1.0.0", "1.0.0"],
    emptyStack: true,
    expected: null,
  },
  { title: "what is only observed", world: installation("1.0.0", "a1", {}), move: ["1.0.0", "1.0.0"], expected: null },
  { title: "the first bump", world: installation("1.0.0", "a1", {}), move: ["1.0.0", "2.0.0"], expected: [declared] },
  {
    title: "a bump with the services stopped, in which no request can fail between two pods",
    world: installation("1.0.0", "a1", { gap: "strategy Recreate" }),
    move: ["1.0.0", "3.0.0"],
    stopped: true,
    expected: [{ ...declared, rolls: false }],
  },
  {
    title: "a rolling bump of pods that end at once",
    world: installation("1.0.0", "a1", { gap: "strategy Recreate" }),
    move: ["1.0.0", "2.0.0"],
    expected: [{ ...declared, gap: "strategy Recreate" }],
  },
  {
    title: "the same release, all well: the manifest stays",
    world: installation("1.0.0", "a1", ours),
    move: ["1.0.0", "1.0.0"],
    expected: [{ ...declared, keeps: 5 }],
  },
  {
    title: "the same release with the services stopped: a restore",
    world: installation("1.0.0", "a1", ours),
    move: ["1.0.0", "1.0.0"],
    stopped: true,
    expected: [{ ...declared, rolls: false }],
  },
  {
    title: "one whose variables were changed by hand",
    world: world("1.0.0", "a1", { services: [{ ...service, current: false, deployment: deployment(ours) }] }),
    move: ["1.0.0", "1.0.0"],
    expected: [declared],
  },
  {
    title: "several pods that no budget selects",
    world: installation("1.0.0", "a1", { wantsBudget: true }),
    move: ["1.0.0", "2.0.0"],
    expected: [{ ...declared, budget: true }],
  },
];

/** Three services of which the last needs the first. */
const three = world("1.0.0", "a1", {
  cluster,
  services: ["one", "two", "three"].map((name) => ({
    ...service,
    name,
    release: "1.0.0",
    deployment: deployment({ name, dependsOn: name === "three" ? ["one"] : [] }),
  })),
});

describe("which Deployments a plan declares", () => {
  for (const { title, world: from, move, stopped = false, emptyStack = false, expected } of rows)
    it(`${expected === null ? "none" : "those"} of ${title}`, () => {
      const situation = { from: move[0], to: move[1], stopped };
      assert.deepEqual(planDeployments({ world: from, goal: goal(move[1], { emptyStack }), ...situation }), expected);
    });

  it("rolls them one after the other, so that a fault shows before it is everywhere", () => {
    const plans = planDeployments({ world: three, goal: goal("2.0.0"), from: "1.0.0", to: "2.0.0", stopped: false });
    assert.deepEqual(
      plans?.map(({ after }) => after),
      [[], ["one"], ["one", "two"]],
    );
  });

  it("lets stopped ones wait only for what they need", () => {
    const plans = planDeployments({ world: three, goal: goal("3.0.0"), from: "1.0.0", to: "3.0.0", stopped: true });
    assert.deepEqual(
      plans?.map(({ after }) => after),
      [[], [], ["one"]],
    );
  });
});

describe("whether a Deployment is as it was declared", () => {
  const cases: readonly [string, Partial<ServiceDeployment>, string | null, boolean | null][] = [
    ["nothing tells of one that the stack has not declared", { release: "1.0.0" }, "1.0.0", null],
    ["nothing tells of one of another release", { ...ours, release: "2.0.0" }, "2.0.0", null],
    ["nothing tells of one without the release's mark", { ...ours, release: null }, "1.0.0", null],
    ["it is with the variables of now", ours, "1.0.0", true],
    ["it is not with those of before", { ...ours, followsVariables: false }, "1.0.0", false],
    ["it is not after a rollout undo, while older pods still answer", { ...ours, release: "2.0.0" }, "1.0.0", false],
  ];
  for (const [title, changes, said, expected] of cases)
    it(title, () => assert.equal(followsAsDeclared(deployment(changes), "1.0.0", said), expected));
});

interface Obstacle {
  readonly title: string;
  readonly deployment?: Partial<ServiceDeployment>;
  readonly cluster?: Partial<ClusterWorld>;
  readonly force?: boolean;
  /** `path: text` of each. */
  readonly expected: readonly string[];
}

const foreign = { gitops: null, foreign: ["helm: .spec.template.spec.containers[orchestrator].image"] };
const argo = { gitops: "Argo CD", foreign: [] };
const asIs = (owners: ObjectOwners) => ({ variables: cluster.variables.map((each) => ({ ...each, owners })) });

const obstacles: readonly Obstacle[] = [
  { title: "nothing of a cluster that lets it all happen", expected: [] },
  {
    title: "rights that are missing",
    cluster: { missingRights: ["patch deployments.apps", "create pods/portforward"] },
    expected: [
      "octollm:kubernetes: in context 'production', namespace 'octollm' these rights are missing, without which the upgrade would " +
        "stop half-way: patch deployments.apps, create pods/portforward. docs/kubernetes-role.yaml grants what is needed; its " +
        "first lines say how",
    ],
  },
  {
    title: "a Deployment that is not there",
    deployment: { exists: false },
    expected: [
      "octollm:services.orchestrator: there is no Deployment 'octollm-orchestrator'. Correct the service's settings, or deploy it " +
        "the way it was deployed before",
    ],
  },
  {
    title: "a paused one",
    deployment: { paused: true },
    expected: [
      "octollm:services.orchestrator: Deployment 'octollm-orchestrator' is paused, and would not roll: kubectl rollout resume " +
        "deployment octollm-orchestrator",
    ],
  },
  {
    title: "one that is Argo CD's, whatever is forced",
    deployment: { owners: argo },
    force: true,
    expected: [
      "octollm:kubernetes: Deployment 'octollm-orchestrator' belongs to Argo CD, which would put it back as its " +
        "repository has it while the upgrade is under way. Take it out of that tool's care first, or upgrade there",
    ],
  },
  {
    title: "one with fields of another manager",
    deployment: { owners: foreign },
    expected: [
      "octollm:kubernetes: Deployment 'octollm-orchestrator' has fields that the upgrade changes and that another field " +
        "manager owns: helm: .spec.template.spec.containers[orchestrator].image. Ask whoever that is, or take them over: octollm " +
        "config set --path kubernetes.forceConflicts true",
    ],
  },
  {
    title: "nothing of those fields once they are to be taken over",
    deployment: { owners: foreign },
    force: true,
    expected: [],
  },
  {
    title: "nothing of a ConfigMap that the upgrade leaves alone",
    cluster: { variables: cluster.variables.map((each) => ({ ...each, immutable: true, owners: argo })) },
    expected: [],
  },
];

/** Obstacles of the cluster of an upgrade to the second release. */
function found({ deployment: of = {}, cluster: changes = {}, force = false }: Omit<Obstacle, "title" | "expected">) {
  const from = installation("1.0.0", "a1", of, { cluster: { ...cluster, ...changes } });
  const wanted = goal("2.0.0", { forceConflicts: force, environmentFile: variables });
  const clean = planned(installation("1.0.0", "a1", {}), wanted, catalogue);
  return judgeCluster(clean, from, wanted, catalogue).map(({ path, text }) => `${path}: ${text}`);
}

describe("what a cluster would refuse half-way", () => {
  for (const { title, expected, ...of } of obstacles)
    it(`refuses ${title}`, () => {
      assert.deepEqual(found(of), expected);
    });

  it("makes the whole plan a refusal, with all of them at once", () => {
    const from = installation("1.0.0", "a1", { paused: true, owners: argo });
    assert.equal(refused(from, goal("2.0.0"), catalogue).length, 2);
  });

  it("lets a plan that changes nothing pass over a paused Deployment", () => {
    assert.equal(planned(installation("1.0.0", "a1", { ...ours, paused: true }), goal("1.0.0"), catalogue).to, "1.0.0");
  });

  describe("with a release that changes variables", () => {
    let releases: Catalogue;
    const wanted = goal("0.2.0", { environmentFile: variables });
    const of = (changes: Partial<ServiceDeployment>) => installation("0.1.0", "def456", changes);

    before(async () => {
      releases = await loadCatalogue();
    });

    function judged(from: World): string[] {
      const plan = planned(of({}), wanted, releases);
      return judgeCluster(plan, from, wanted, releases).map(({ path, text }) => `${path}: ${text}`);
    }

    it("refuses an immutable ConfigMap or Secret", () => {
      const [first, second] = cluster.variables;
      assert.ok(first && second);
      const from = { ...of({}), cluster: { ...cluster, variables: [{ ...first, immutable: true }, second] } };
      assert.deepEqual(judged(from), [
        "octollm:kubernetes: ConfigMap octollm-config is immutable, and the upgrade has to change it. Put one with another name in " +
          "its place that is not, and name it in the settings",
      ]);
    });

    it("refuses those of a GitOps tool, and of another manager unless that is forced", () => {
      const owned = (owners: ObjectOwners) => ({ ...of({}), cluster: { ...cluster, ...asIs(owners) } });
      const texts = judged(owned(argo));
      assert.equal(texts.length, 2);
      assert.match(
        texts[0] ?? "",
        /^octollm:kubernetes: ConfigMap octollm-config belongs to Argo CD, which would put it back/,
      );
      assert.match(texts[1] ?? "", /^octollm:kubernetes: Secret octollm-secrets belongs to Argo CD/);
      assert.match(judged(owned(foreign))[0] ?? "", /forceConflicts true$/);
    });

    it("refuses a variable that the containers name themselves, and no other", () => {
      assert.deepEqual(judged(of({ ownVariables: ["PORT", "CACHE_TTL"] })), [
        "octollm:services.orchestrator: Deployment 'octollm-orchestrator' names CACHE_TTL itself, in its containers' 'env', and the " +
          "upgrade changes what these are. Move them to the ConfigMap or the Secret that it takes as a whole by 'envFrom'",
      ]);
      assert.deepEqual(judged(of({ ownVariables: ["PORT"] })), []);
    });
  });
});

describe("the summary of a plan for Deployments", () => {
  const told = (plan: Plan, row: string) =>
    unwrapped(summarise(plan)).flatMap(([name, text]) => (name === row ? [text] : []));

  it("names ConfigMap and Secret where other targets have .env", async () => {
    const wanted = goal("0.2.0", { environmentFile: variables });
    const plan = planned(installation("0.1.0", "def456", {}), wanted, await loadCatalogue());
    assert.doesNotMatch(JSON.stringify(plan) + summarise(plan).join(""), /\.env\b/);
    assert.deepEqual(told(plan, "backup"), [`${variables}, database and configuration, before anything changes`]);
    assert.match(told(plan, "env")[0] ?? "", /^\d+ lines of ConfigMap octollm-config and Secret octollm-secrets$/);
    assert.equal(plan.rollback.steps.at(-1), `starts OctoLLM 0.1.0 again, with the old lines of ${variables}`);
  });

  it("tells which requests may fail although nothing stops", () => {
    const gap = "strategy Recreate";
    const plan = planned(installation("1.0.0", "a1", { gap }), goal("2.0.0"), catalogue);
    assert.deepEqual(told(plan, "stops"), [
      "nothing; while pods are replaced, requests may fail to orchestrator (strategy Recreate)",
    ]);
    assert.deepEqual(told(plan, "deploys"), ["orchestrator: 1.0.0 -> 2.0.0, octollm/orchestrator:x"]);
  });
});
