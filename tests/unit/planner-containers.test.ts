import assert from "node:assert/strict";

import { noRestore } from "../../planner/backups";
import { isAsDeclared, planContainers } from "../../planner/containers";
import { judgeContainers } from "../../planner/obstacles/containers";
import type { ContainerPlan, Plan } from "../../planner/plan";
import { summarise } from "../../planner/summary";
import type { OpenAttempt, ServiceContainer, World } from "../../planner/world";
import { goal, invent, planned, refused, service, world } from "./planner-cases";

/** The second release lets the first go on, the third does not. */
const catalogue = invent([
  { revisions: [{ revision: "a1" }] },
  { revisions: [{ revision: "b1" }] },
  { revisions: [{ revision: "c1", previousCode: "breaks" }] },
]);
const wanted = { id: "sha256:fedcba9876543210fedcba98" };
const failed: OpenAttempt = { attempt: 6, from: "1.0.0", to: "2.0.0", planId: "x", reviewedPlan: null };

/** The container of a release, before the stack has declared it. */
function container(changes: Partial<ServiceContainer> = {}): ServiceContainer {
  const ours = { attempt: null, release: null, imageId: "sha256:old", wordless: [], besides: null, followsFiles: true };
  const image = { image: "octollm/orchestrator:x", imageWanted: wanted };
  return { name: "octollm-orchestrator", port: 8000, dependsOn: [], ...ours, ...image, ...changes };
}

/** An installation of one release whose only service is this container. */
function installation(
  release: string,
  revision: string,
  of: Partial<ServiceContainer>,
  more: Partial<World> = {},
): World {
  return world(release, revision, { services: [{ ...service, release, container: container(of) }], ...more });
}

/** The container that the plans below declare. */
const declared: ContainerPlan = {
  service: "orchestrator",
  container: "octollm-orchestrator",
  port: 8000,
  image: "octollm/orchestrator:x",
  imageId: wanted.id,
  keeps: null,
  rolls: true,
  after: [],
};
const ours = { attempt: 5, release: "1.0.0", imageId: wanted.id };

interface Row {
  readonly title: string;
  readonly world: World;
  readonly move: readonly [from: string, to: string];
  readonly stopped?: boolean;
  readonly emptyStack?: boolean;
  readonly expected: readonly ContainerPlan[] | null;
}

const gone = { ...service, current: false, running: false, release: null };

const rows: readonly Row[] = [
  { title: "processes", world: world("1.0.0", "a1"), move: ["1.0.0", "2.0.0"], expected: null },
  {
    title: "an installation that is adopted, whoever has made its containers",
    world: installation("1.0.0", "a1", ours),
    move: ["1.0.0", "1.0.0"],
    emptyStack: true,
    expected: null,
  },
  { title: "what is only observed", world: installation("1.0.0", "a1", {}), move: ["1.0.0", "1.0.0"], expected: null },
  {
    title: "what is only observed, with the services stopped",
    world: installation("1.0.0", "a1", {}),
    move: ["1.0.0", "1.0.0"],
    stopped: true,
    expected: null,
  },
  { title: "the first bump", world: installation("1.0.0", "a1", {}), move: ["1.0.0", "2.0.0"], expected: [declared] },
  {
    title: "a bump with the services stopped",
    world: installation("1.0.0", "a1", {}),
    move: ["1.0.0", "3.0.0"],
    stopped: true,
    expected: [{ ...declared, rolls: false }],
  },
  {
    title: "a later bump: what an attempt has made is replaced",
    world: installation("1.0.0", "a1", ours),
    move: ["1.0.0", "2.0.0"],
    expected: [declared],
  },
  {
    title: "the same release, all well: the container stays",
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
    title: "a container that is not as declared, such as of a moved tag",
    world: world("1.0.0", "a1", {
      services: [{ ...service, current: false, asSpecified: false, container: container(ours) }],
    }),
    move: ["1.0.0", "1.0.0"],
    expected: [declared],
  },
  {
    title: "one that was removed, beside one that is there: a new one, and the other stays",
    world: world("1.0.0", "a1", {
      services: [
        { ...service, release: "1.0.0", container: container(ours) },
        {
          ...gone,
          name: "planner",
          container: container({ name: "octollm-planner", port: 0, dependsOn: ["orchestrator"] }),
        },
      ],
    }),
    move: ["1.0.0", "1.0.0"],
    expected: [
      { ...declared, keeps: 5 },
      { ...declared, service: "planner", container: "octollm-planner", port: 0, after: ["orchestrator"] },
    ],
  },
  {
    title: "all of them removed, of which the state knows whether they were ours",
    world: world("1.0.0", "a1", { services: [{ ...gone, container: container({ imageId: "" }) }] }),
    move: ["1.0.0", "1.0.0"],
    expected: [declared],
  },
  {
    title: "an image that is not there",
    world: installation("1.0.0", "a1", { imageWanted: null }),
    move: ["1.0.0", "2.0.0"],
    expected: [{ ...declared, imageId: "" }],
  },
];

describe("the containers to declare", () => {
  for (const { title, world: from, move, stopped = false, emptyStack = false, expected } of rows)
    it(`for ${title}: ${expected === null ? "none" : expected.map(({ keeps }) => (keeps === null ? "new" : "kept")).join()}`, () => {
      const [before, to] = move;
      const situation = { world: from, goal: goal(to, { emptyStack }), from: before, to, stopped, installs: false };
      assert.deepEqual(planContainers(situation), expected);
    });

  const states: readonly [Partial<ServiceContainer>, boolean | null][] = [
    [{}, null],
    [{ ...ours, release: "0.9.0" }, null],
    [{ ...ours, release: null }, null],
    [{ ...ours, imageWanted: null }, null],
    [ours, true],
    [{ ...ours, imageId: "sha256:other" }, false],
    [{ ...ours, followsFiles: false }, false],
  ];
  for (const [changes, expected] of states)
    it(`takes ${JSON.stringify(changes)} for ${expected === null ? "none of its own" : expected ? "as declared" : "changed"}`, () => {
      assert.equal(isAsDeclared(container(changes), "1.0.0"), expected);
    });
});

describe("a plan with containers", () => {
  const up = (of: Partial<ServiceContainer> = {}, to = "2.0.0", more: Partial<World> = {}) =>
    planned(installation("1.0.0", "a1", of, more), goal(to), catalogue);

  it("has none while what runs is only observed, and says nothing of images", () => {
    const plan = planned(installation("1.0.0", "a1", {}), goal("1.0.0"), catalogue);
    assert.deepEqual(plan.deploy, { release: "1.0.0", services: ["orchestrator: 1.0.0"] });
    const adopted = planned(installation("1.0.0", "a1", ours), goal("1.0.0", { emptyStack: true }), catalogue);
    assert.equal(adopted.deploy.containers, undefined);
  });

  it("rolls where every revision lets the running release go on, and else replaces what stands", () => {
    assert.deepEqual(up().deploy.containers, [declared]);
    assert.deepEqual(up().stops.services, []);
    assert.deepEqual(up({}, "3.0.0").deploy.containers, [{ ...declared, rolls: false }]);
    assert.deepEqual(up({}, "3.0.0").stops.services, ["orchestrator"]);
  });

  it("has an id that moves with the images and what is replaced, not with attempts, old images or old labels", () => {
    const { id } = up();
    for (const same of [
      up({}, "2.0.0", { nextAttempt: 77 }),
      up({}, "2.0.0", { openAttempt: failed }),
      up(ours),
      up({ imageId: "sha256:another", release: "0.5.0", followsFiles: false }),
    ])
      assert.equal(same.id, id);
    const others = [
      up({ imageWanted: { id: "sha256:moved" } }),
      up({ image: "elsewhere/orchestrator:x" }),
      up({ port: 0 }),
    ];
    const ids = new Set([id, ...others.map((plan) => plan.id)]);
    assert.equal(ids.size, 4);
  });

  it("is told in a row for each image, and says how long a service without a stop is away", () => {
    const rowsOf = (plan: Plan, name: string) => {
      const lines = summarise(plan);
      const first = lines.findIndex((line) => line.startsWith(name.padEnd(10)));
      const next = lines.findIndex((line, index) => index > first && !line.startsWith(" "));
      return lines
        .slice(first, next)
        .map((line) => line.slice(10))
        .join(" ");
    };
    assert.equal(rowsOf(up(), "deploys"), "orchestrator: 1.0.0 -> 2.0.0, octollm/orchestrator:x (sha256:fedcba987654)");
    assert.equal(
      rowsOf(up(), "stops"),
      "nothing; orchestrator (port 8000) for the moment in which its container is replaced",
    );
    assert.equal(rowsOf(up({ port: 0 }), "stops"), "nothing");
    assert.match(rowsOf(up({}, "3.0.0"), "stops"), /^orchestrator \(for c1\)$/);
    const kept = planned(installation("1.0.0", "a1", ours, { openAttempt: failed }), goal("1.0.0"), catalogue);
    assert.equal(rowsOf(kept, "stops"), "nothing");
    for (const line of [...summarise(up()), ...summarise(up({}, "3.0.0"))]) assert.ok(line.length <= 76, line);
  });

  it("replaces the containers for a restore of their own release, because the restored .env is theirs", () => {
    const backup = {
      ...{ id: "first", created: "2026-01-01T00:00:00.000Z", release: "1.0.0", revision: "a1", fault: null },
      ...{ databaseBytes: 1, environmentDigest: "0123456789ab", hasConfig: true },
    };
    const from = installation("1.0.0", "a1", ours);
    const environment = from.environment;
    const damaged = { ...from, restore: { ...from.restore, backups: [{ ...backup, environment }] } };
    const plan = planned(damaged, goal("1.0.0", { restoreFrom: "first" }), catalogue);
    assert.notDeepEqual(plan.restore, noRestore);
    assert.deepEqual(plan.deploy.containers, [{ ...declared, rolls: false }]);
  });
});

describe("containers that cannot be replaced", () => {
  const texts = (of: Partial<ServiceContainer>, more: Partial<World> = {}) =>
    refused(installation("1.0.0", "a1", of, more), goal("2.0.0"), catalogue);

  it("are refused with what to type when the image is not there", () => {
    assert.deepEqual(texts({ imageWanted: null }), [
      {
        path: "octollm:services.orchestrator",
        text: "the Docker engine has no image 'octollm/orchestrator:x'. Bring it there first: docker pull octollm/orchestrator:x",
      },
    ]);
  });

  it("are refused when a setting would be lost, all of them in one sentence", () => {
    const [refusal, ...others] = texts({ wordless: ["AutoRemove", "PidsLimit"] });
    assert.deepEqual(others, []);
    assert.match(
      refusal?.text ?? "",
      /^container 'octollm-orchestrator' has .* \(AutoRemove, PidsLimit in 'docker inspect'\)/,
    );
  });

  it("are refused when somebody else's container has the name under which the old one would be kept", () => {
    const besides = "octollm-orchestrator_before";
    const [refusal] = texts({ besides });
    assert.match(refusal?.text ?? "", /docker rename octollm-orchestrator_before octollm-orchestrator_before_kept$/);
    // In an open attempt it is the one of the release before that waits.
    const from = installation("1.0.0", "a1", { besides }, { openAttempt: failed });
    assert.deepEqual(planned(from, goal("2.0.0"), catalogue).deploy.containers, [declared]);
  });

  it("tell everything at once", () => {
    assert.equal(texts({ imageWanted: null, wordless: ["Links"], besides: "x_before" }).length, 3);
  });

  it("are left alone where they stay", () => {
    const from = installation("1.0.0", "a1", { ...ours, wordless: ["Links"], besides: "x_before" });
    const plan = planned(from, goal("1.0.0"), catalogue);
    assert.deepEqual(judgeContainers(plan, from), []);
  });
});
