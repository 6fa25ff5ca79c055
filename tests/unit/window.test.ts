import assert from "node:assert/strict";

import { closedGates, type Moment } from "../../planner/gates";
import type { Plan } from "../../planner/plan";
import { describeWindow, isTimezone, isWithin, type Window } from "../../planner/window";
import { loadCatalogue } from "../../releases/catalogue";
import type { Catalogue } from "../../releases/release";
import { goal, planned, quiet, world } from "./planner-cases";

const everyDay = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
const night: Window = { days: ["fri", "sat"], from: "22:00", to: "04:00", timezone: "Europe/Berlin" };
const evening: Window = { days: ["mon", "tue"], from: "18:30", to: "20:00", timezone: "UTC" };
const early: Window = { days: everyDay, from: "02:15", to: "02:45", timezone: "Europe/Berlin" };

describe("a window", () => {
  // 2026-11-20 is a Friday. Berlin is at UTC+1 in winter, at UTC+2 in summer.
  const table: readonly [string, Window, string, boolean][] = [
    ["is closed a minute before it opens", evening, "2026-11-23T18:29:59Z", false],
    ["is open in the minute at which it opens", evening, "2026-11-23T18:30:00Z", true],
    ["is open in its last minute", evening, "2026-11-23T19:59:59Z", true],
    ["is closed in the minute that ends it", evening, "2026-11-23T20:00:00Z", false],
    ["is closed on a day that it does not name", evening, "2026-11-25T19:00:00Z", false],
    ["goes by the clocks of its zone, not by UTC", night, "2026-11-20T20:59:00Z", false],
    ["goes by the clocks of its zone, a minute later", night, "2026-11-20T21:00:00Z", true],
    ["goes by summer time in summer", night, "2026-07-17T20:00:00Z", true],
    ["that passes midnight is open into the day after", night, "2026-11-22T02:59:00Z", true],
    ["that passes midnight ends then", night, "2026-11-22T03:00:00Z", false],
    ["that passes midnight is not open in the morning of its first day", night, "2026-11-20T02:00:00Z", false],
    ["that passes midnight is not open in the evening of the day after its last", night, "2026-11-22T21:30:00Z", false],
    ["of Sunday is open into Monday", { ...night, days: ["sun"] }, "2026-11-23T02:00:00Z", true],
    ["of one time is the whole day", { ...evening, from: "00:00", to: "00:00" }, "2026-11-24T23:59:00Z", true],
    ["of one time is no other day", { ...evening, from: "00:00", to: "00:00" }, "2026-11-25T00:00:00Z", false],
    [
      "of one time in the evening is a day from then on",
      { ...night, from: "22:00", to: "22:00" },
      "2026-11-22T20:59:00Z",
      true,
    ],
    [
      "of every day that is never set is always open",
      { ...evening, days: everyDay, from: "00:00", to: "00:00" },
      "2026-11-25T12:34:56Z",
      true,
    ],
    // 29 March 2026: 02:00 to 03:00 does not exist in Berlin. 25 October 2026: it exists twice.
    ["in an hour that is left out does not open that day: before it", early, "2026-03-29T00:59:00Z", false],
    ["in an hour that is left out does not open that day: after it", early, "2026-03-29T01:00:00Z", false],
    ["over an hour that is left out is open before it", { ...night, days: ["sat"] }, "2026-03-29T00:59:00Z", true],
    ["over an hour that is left out is open after it", { ...night, days: ["sat"] }, "2026-03-29T01:59:00Z", true],
    ["over an hour that is left out ends by the clock", { ...night, days: ["sat"] }, "2026-03-29T02:00:00Z", false],
    ["in an hour that comes twice is open the first time", early, "2026-10-25T00:30:00Z", true],
    ["in an hour that comes twice is closed between", early, "2026-10-25T00:50:00Z", false],
    ["in an hour that comes twice is open the second time", early, "2026-10-25T01:30:00Z", true],
    [
      "of a zone that is not whole hours off is right too",
      { ...evening, timezone: "Asia/Kathmandu" },
      "2026-11-23T12:45:00Z",
      true,
    ],
  ];
  for (const [name, window, at, open] of table) it(name, () => assert.equal(isWithin(window, new Date(at)), open));

  it("is described with its zone", () => {
    assert.equal(describeWindow(night), "on fri, sat from 22:00 to 04:00 (Europe/Berlin)");
    assert.equal(describeWindow(early), "on every day from 02:15 to 02:45 (Europe/Berlin)");
  });

  it("has a zone that the machine knows", () => {
    for (const name of ["Europe/Berlin", "UTC", "America/New_York"]) assert.ok(isTimezone(name), name);
    for (const name of ["Europe/Bonn", "", "../etc"]) assert.ok(!isTimezone(name), name);
  });
});

describe("the gate of a window", () => {
  let catalogue: Catalogue;
  let upgrade: Plan;
  before(async () => {
    catalogue = await loadCatalogue();
    upgrade = planned(world("0.1.0", "def456"), goal("0.2.0"), catalogue);
  });

  const noon = new Date("2026-11-24T12:00:00Z");
  const open = { attempt: 2, from: "0.1.0", to: "0.2.0", planId: "p", reviewedPlan: null };
  const closed = (plan: Plan, moment: Partial<Moment> = {}, windowOverride = "") =>
    closedGates(
      plan,
      { acceptBreaking: "", reviewedPlan: "", acceptLoss: "", allowHazards: [], window: night, windowOverride },
      { ...quiet, now: noon, ...moment },
    ).map(({ path, text }) => `${path}: ${text}`);

  it("refuses an upgrade outside it, and says when it may begin, what time it is there, and the way round it", () => {
    assert.deepEqual(closed(upgrade), [
      "octollm:window: an upgrade may begin on fri, sat from 22:00 to 04:00 (Europe/Berlin), and it is tue 13:00 there. " +
        `To begin all the same: octollm config set windowOverride ${upgrade.id}`,
    ]);
    assert.deepEqual(closed(upgrade, { now: new Date("2026-11-21T00:00:00Z") }), []);
  });

  it("lets the plan pass that windowOverride names, and no other", () => {
    assert.deepEqual(closed(upgrade, {}, upgrade.id), []);
    assert.equal(closed(upgrade, {}, "true").length, 1);
    assert.equal(closed(planned(world("0.2.0", "b1c2d3"), goal("0.1.0"), catalogue), {}, upgrade.id).length, 1);
  });

  it("has nothing to say of an adoption, nor of what changes neither schema nor .env nor release", () => {
    assert.deepEqual(closed(planned(world("0.1.0", "def456"), goal("0.1.0", { emptyStack: true }), catalogue)), []);
    assert.deepEqual(closed(planned(world("0.1.0", "def456"), goal("0.1.0"), catalogue)), []);
  });

  it("lets what is half done go on, in either direction", () => {
    const rest = planned(world("0.1.0", "abc123", { openAttempt: open }), goal("0.2.0"), catalogue);
    assert.deepEqual(closed(rest, { open, halfDone: true }), []);
    const back = planned(world("0.1.0", "abc123", { openAttempt: open }), goal("0.1.0"), catalogue);
    assert.deepEqual(closed(back, { open, halfDone: true }), []);
    assert.deepEqual(closed(back, { open, halfDone: false }), []);
    const third = planned(world("0.1.0", "abc123", { openAttempt: open }), goal("1.0.0"), catalogue);
    assert.equal(closed(third, { open, halfDone: true }).filter((line) => line.startsWith("octollm:window")).length, 1);
  });

  it("refuses to try again what was undone whole: that can wait for the window", () => {
    assert.equal(closed(upgrade, { open, halfDone: false }).length, 1);
  });
});
