import assert from "node:assert/strict";

import { DotenvFile } from "../../environment/dotenv-file";
import { closedGates } from "../../planner/gates";
import { makePlan } from "../../planner/make-plan";
import { summarise } from "../../planner/summary";
import type { Goal, OpenAttempt, ServiceContainer, World } from "../../planner/world";
import { loadCatalogue } from "../../releases/catalogue";
import type { Catalogue } from "../../releases/release";
import { goal, planned, quiet, refused, server, service, steps, stopped, table, world } from "./planner-cases";

const empty = { ...server, relations: [], mayWriteLedger: null };

/** An empty database, and nothing that runs. */
function nothing(changes: Partial<World> = {}): World {
  return world("", "", {
    release: null,
    revisions: [],
    server: empty,
    services: [stopped],
    nextAttempt: 1,
    ...changes,
  });
}

/** Nobody has accepted anything. */
const nobody = { acceptBreaking: "", reviewedPlan: "", acceptLoss: "", allowHazards: [] };

const newStack = (version: string, changes: Partial<Goal> = {}) => goal(version, { emptyStack: true, ...changes });

const begun: OpenAttempt = {
  ...{ attempt: 1, from: "1.0.0", to: "1.0.0", planId: "0123456789ab", reviewedPlan: null },
  installs: true,
};

describe("OctoLLM installed where there is nothing", () => {
  let catalogue: Catalogue;
  before(async () => void (catalogue = await loadCatalogue()));

  for (const [version, expected] of [
    ["0.1.0", "+def456"],
    ["0.2.0", "+def456 +abc123 +b1c2d3"],
    ["1.0.0", "+def456 +abc123 +b1c2d3 +e4f5a6"],
  ] as const)
    it(`gets every revision of ${version} before a service starts, without stop or backup`, () => {
      const plan = planned(nothing(), newStack(version), catalogue);
      assert.equal(plan.direction, "install");
      assert.equal(steps(plan), expected);
      assert.equal(plan.revisions.pre[0]?.before, null);
      assert.deepEqual([plan.stops.services, plan.backup.required], [[], false]);
      assert.deepEqual(plan.deploy.services, [`orchestrator: ${version}`]);
      assert.equal(plan.rollback.class, "nothing-to-undo");
      assert.match(plan.rollback.steps.join(), /there was nothing before/);
      assert.ok(!plan.checks.lines.some((line) => /than before|had before/.test(line)), plan.checks.lines.join("\n"));
      assert.ok(plan.checks.task);
    });

  it("is told so in the summary, in lines that fit a terminal", () => {
    const lines = summarise(planned(nothing(), newStack("1.0.0"), catalogue));
    assert.match(lines.join("\n"), /^path +nothing -> 1\.0\.0: OctoLLM is installed anew$/m);
    assert.match(lines.join("\n"), /^backup +none is needed$/m);
    assert.ok(lines.every((line) => line.length <= 76));
  });

  it("takes its .env through the changes of every release", () => {
    const environment = DotenvFile.parse("CACHE_TTL=7200\nWEBHOOK_URL=http://here/webhook\n");
    const plan = planned(nothing({ environment }), newStack("1.0.0"), catalogue);
    assert.deepEqual(plan.environment.apply, ["0.2.0", "1.0.0"]);
    assert.equal(planned(nothing({ environment }), newStack("0.1.0"), catalogue).environment.lines.length, 0);
  });

  it("needs what any of its releases requires of .env", () => {
    const required = catalogue.releases.map((release) =>
      release.version === "0.1.0"
        ? { ...release, environment: [{ kind: "require" as const, key: "OPENAI_API_KEY", text: "the model's key" }] }
        : release,
    );
    const [reason] = refused(nothing(), newStack("1.0.0"), { ...catalogue, releases: required });
    assert.equal(reason?.path, ".env: OPENAI_API_KEY");
    assert.match(reason.text, /OctoLLM 0\.1\.0 needs a value for it: the model's key/);
  });

  it("waits for nobody: neither acceptBreaking nor a window keeps it back", () => {
    const plan = planned(nothing(), newStack("1.0.0"), catalogue);
    const window = { days: [], from: "00:00", to: "00:01", timezone: "UTC" };
    assert.deepEqual(closedGates(plan, { ...nobody, window }, { ...quiet, now: new Date("2026-01-01T12:00:00Z") }), []);
  });

  const notNothing: readonly [title: string, world: World, reason: RegExp][] = [
    ["a table of somebody's", nothing({ server: { ...empty, relations: [table("invoices")] } }), /no OctoLLM to adopt/],
    [
      "nothing but a view of somebody's",
      nothing({ server: { ...empty, relations: [table("report", { kind: "view" })] } }),
      /no OctoLLM to adopt/,
    ],
    ["a service that runs on an empty database", nothing({ services: [service] }), /no OctoLLM to adopt/],
    [
      "an unstamped OctoLLM",
      nothing({ looksLike: "0.1.0", server: { ...empty, relations: [table("tasks")] } }),
      /have it stamped/,
    ],
  ];
  for (const [title, from, reason] of notNothing)
    it(`is refused beside ${title}`, () => {
      assert.match(refused(from, newStack("1.0.0"), catalogue)[0]?.text ?? "", reason);
    });

  it("is refused in a stack that had an OctoLLM, whose database is empty now: that one was lost", () => {
    assert.match(refused(nothing(), goal("1.0.0"), catalogue)[0]?.text ?? "", /no OctoLLM to adopt/);
  });

  it("is refused on Kubernetes, where nothing tells what its Deployments are to be like", () => {
    const cluster = { name: "context here", missingRights: [], variables: [] };
    assert.match(refused(nothing({ cluster }), newStack("1.0.0"), catalogue)[0]?.text ?? "", /own manifests first/);
  });

  it("is refused for a release that there is not, and where somebody else has the port", () => {
    assert.match(refused(nothing(), newStack("9.9.9"), catalogue)[0]?.text ?? "", /there is no release '9\.9\.9'/);
    const held = { ...stopped, obstructed: "port 8000 is held by nginx" };
    assert.match(refused(nothing({ services: [held] }), newStack("1.0.0"), catalogue)[0]?.text ?? "", /nginx/);
  });

  it("that stopped half-way goes on where it stopped, with a backup of what is there by then", () => {
    const half = nothing({
      openAttempt: begun,
      revisions: ["def456"],
      nextAttempt: 2,
      server,
    });
    for (const emptyStack of [true, false]) {
      const plan = planned(half, goal("1.0.0", { emptyStack }), catalogue);
      assert.deepEqual([plan.direction, steps(plan)], ["install", "+abc123 +b1c2d3 +e4f5a6"]);
      assert.ok(plan.backup.required);
      assert.deepEqual(closedGates(plan, nobody, quiet), []);
    }
    const running = { ...half, services: [{ ...service, current: false, release: "1.0.0" }] };
    assert.deepEqual(planned(running, goal("1.0.0"), catalogue).stops.services, ["orchestrator"]);
  });

  it("that stopped after its revisions needs no backup, and is not taken for settled", () => {
    const half = world("1.0.0", "e4f5a6", { openAttempt: begun, release: null, nextAttempt: 2 });
    const outcome = makePlan(half, goal("1.0.0"), catalogue);
    assert.ok(outcome.kind === "plan" && !outcome.settled && !outcome.plan.backup.required);
    assert.equal(steps(outcome.plan), "");
  });

  it("that stopped half-way has to come to its end before another release is wanted", () => {
    for (const version of ["0.2.0", "0.1.0"])
      assert.match(
        refused(nothing({ openAttempt: begun, revisions: ["abc123"] }), goal(version), catalogue)[0]?.text ?? "",
        /^the installation of OctoLLM 1\.0\.0 has not reached its end \(attempt 1\)/,
      );
  });

  describe("as containers", () => {
    const container: ServiceContainer = {
      ...{ name: "octollm-orchestrator", port: 8000, image: "octollm/orchestrator:1.0.0", dependsOn: [] },
      ...{ imageWanted: { id: "sha256:new" }, attempt: null, release: null, imageId: "", wordless: [], besides: null },
      followsFiles: true,
    };
    const on = (changes: Partial<ServiceContainer>, more: Partial<World> = {}) =>
      nothing({ services: [{ ...stopped, container: { ...container, ...changes } }], ...more });

    it("declares each of them, as new ones", () => {
      const { containers } = planned(on({}), newStack("1.0.0"), catalogue).deploy;
      assert.deepEqual(containers, [
        {
          ...{ service: "orchestrator", container: "octollm-orchestrator", port: 8000, after: [] },
          ...{ image: "octollm/orchestrator:1.0.0", imageId: "sha256:new", keeps: null, rolls: false },
        },
      ]);
    });

    it("is refused without the image, and where somebody's container has the name", () => {
      assert.match(refused(on({ imageWanted: null }), newStack("1.0.0"), catalogue)[0]?.text ?? "", /has no image/);
      for (const attempt of [null, 3])
        assert.match(
          refused(on({ imageId: "sha256:old", attempt }), newStack("1.0.0"), catalogue)[0]?.text ?? "",
          /there is a container 'octollm-orchestrator' already, and nothing is installed in its place/,
        );
    });

    it("makes its own containers anew when it goes on, whatever they were made of", () => {
      const half = on(
        { imageId: "sha256:new", attempt: 1, release: "1.0.0" },
        { openAttempt: begun, revisions: ["e4f5a6"] },
      );
      assert.equal(planned(half, goal("1.0.0"), catalogue).deploy.containers?.[0]?.keeps, null);
      const foreign = on({ imageId: "sha256:new" }, { openAttempt: begun, revisions: ["e4f5a6"] });
      assert.match(refused(foreign, goal("1.0.0"), catalogue)[0]?.text ?? "", /there is a container/);
    });
  });
});
