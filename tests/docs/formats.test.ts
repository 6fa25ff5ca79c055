import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";

import { loadCluster } from "../../backup/cluster";
import { clusterFile, manifestFile, readManifest } from "../../backup/manifest";
import { ownerFile, removeDeadPartials } from "../../backup/partial";
import { applyReleases } from "../../environment/changes";
import { DotenvFile } from "../../environment/dotenv-file";
import { bodyOf, type Message } from "../../notify/message";
import type { Plan } from "../../planner/plan";
import { readMark } from "../../postgres/databases";
import { loadCatalogue } from "../../releases/catalogue";
import { readRecord } from "../../runtimes/local/record";
import type { ProcessSpec } from "../../runtimes/runtime";
import { goal, planned, world } from "../unit/planner-cases";
import { type Page, readPage } from "./support/markdown";

/** The text of an example that a page marks with `<!-- example: <name> -->`. */
function exampleOf(page: Page, name: string): string {
  const block = page.blocks.find(({ comment }) => comment === `example: ${name}`);
  assert.ok(block, `${page.path} has no example '${name}'`);
  return block.text;
}

/** The keys of a value, those of nested objects included; of a list, those of its first item. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (typeof value !== "object" || value === null) return "value";
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, shapeOf(inner)]));
}

describe("the examples of docs/formats.md", () => {
  const page = readPage("docs/formats.md");
  const text = (name: string) => exampleOf(page, name);
  const json = (name: string) => JSON.parse(text(name)) as Record<string, unknown>;
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "octollm-formats-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it("have a plan with all its fields, as it is made from 0.1.0 to 0.2.0", async () => {
    const environment = DotenvFile.parse("CACHE_TTL=7200\n");
    const made = planned(world("0.1.0", "def456", { environment }), goal("0.2.0"), await loadCatalogue());
    const shown = json("plan") as unknown as Plan;
    assert.deepEqual(shapeOf(shown), shapeOf(made));
    const told = ({ path, revisions, environment: env, rollback, loss }: Plan) => ({ path, revisions, env, rollback, loss });
    assert.deepEqual(told(shown), told(made));
  });

  it("have a manifest, an owner and a cluster file that a backup could have", async () => {
    writeFileSync(join(folder, manifestFile), text("manifest"));
    assert.deepEqual(await readManifest(folder), json("manifest"));
    writeFileSync(join(folder, clusterFile), text("cluster"));
    assert.deepEqual(await loadCluster(folder), json("cluster"));
    const partial = join(folder, "20260329T021434Z-0.1.0-attempt2.partial");
    mkdirSync(partial);
    // Of this host, and of a process that is not there: only such a one is removed.
    writeFileSync(join(partial, ownerFile), JSON.stringify({ ...json("owner"), host: hostname(), pid: 2 ** 22 + 1 }));
    assert.equal((await removeDeadPartials(folder)).length, 1);
    assert.ok(!existsSync(partial), readdirSync(folder).join());
  });

  it("have a service's record and a database's mark that the program takes for its own", () => {
    writeFileSync(join(folder, "orchestrator.json"), text("record"));
    assert.deepEqual(readRecord({ name: "orchestrator", stateFolder: folder } as ProcessSpec), json("record"));
    assert.deepEqual(readMark(text("mark")), json("mark"));
  });

  it("have an .env before and after, each as the program makes it of the other", async () => {
    const releases = (await loadCatalogue()).releases.map(({ version, environment }) => ({ version, changes: environment }));
    const make = (name: string, direction: "up" | "down") =>
      applyReleases(DotenvFile.parse(`${text(name)}\n`), releases, direction).file.toString();
    assert.equal(make("env before", "up"), `${text("env after")}\n`);
    assert.equal(make("env after", "down"), `${text("env before")}\n`);
  });
});

describe("the example of docs/report.md", () => {
  it("is a notice with all its fields", () => {
    const shown = JSON.parse(exampleOf(readPage("docs/report.md"), "notice")) as Message;
    // Typed, so that a new field of a notice is one that is missing here.
    const all: Record<keyof Message, true> = {
      ...{ event: true, stack: true, host: true, attempt: true, plan: true, direction: true, from: true, to: true },
      ...{ outcome: true, startedAt: true, finishedAt: true, seconds: true, downtimeSeconds: true },
      ...{ text: true, detail: true, report: true },
    };
    assert.deepEqual(Object.keys(bodyOf("generic", shown)).toSorted(), Object.keys(all).toSorted());
  });
});
