import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import fc from "fast-check";

import { openBackend, OperatorError } from "../../engine/main";
import { hasPulumiCli, projectWithStack, pulumiCli, standalone, succeed, type TestProject } from "./support/project";

const root = path.resolve(__dirname, "../..");
const count = 50;
const names = Array.from({ length: count }, (_, index) => `r${index}`);
const many = names.map((name) => `new Thing("${name}", { sleep: 40 });`).join("\n");

function startUp(project: TestProject): ChildProcess {
  const argv = ["up", "--yes", "--skip-preview", "--parallel", "4", "--cwd", project.folder];
  const code = `require("./engine/main.ts").runEngine(${JSON.stringify(argv)}).then((code) => process.exit(code))`;
  return spawn(process.execPath, ["--require", "./boot/register.cjs", "-e", code], {
    cwd: root,
    env: project.env,
    stdio: "ignore",
  });
}

const nameOf = (urn: unknown): string => String(urn).split("::").pop() ?? "";

/** Names of the resources that the provider finished making, once for each time. */
function made(project: TestProject): string[] {
  const log = fs.existsSync(project.file("calls.log")) ? fs.readFileSync(project.file("calls.log"), "utf8") : "";
  return [...log.matchAll(/^create (\S+) done$/gm)].map(([, name]) => name ?? "");
}

describe("a standalone engine that is killed", function () {
  this.timeout(180_000);
  let project: TestProject;
  afterEach(() => project.remove());

  it("loses no resource and makes none twice that it knows of, at whatever point of fifty it happens", async () => {
    project = await projectWithStack(many);
    const doubtful = new Set<string>();
    for (const share of [0.1, 0.4, 0.7].map((least) => least + Math.random() / 5)) {
      const engine = startUp(project);
      const ended = new Promise((resolve) => engine.once("exit", resolve));
      while (made(project).length < share * count && engine.exitCode === null) await sleep(10);
      await sleep(Math.random() * 60);
      engine.kill("SIGKILL");
      await ended;
      const { resources, pending } = await openBackend(project.folder, project.env).loadState("dev");
      const known = new Set(resources.map(({ urn }) => nameOf(urn)));
      const open = pending.filter(({ type }) => type === "creating").map(({ resource }) => nameOf(resource.urn));
      open.forEach((name) => doubtful.add(name));
      const lost = made(project).filter((name) => !known.has(name) && !open.includes(name));
      assert.deepEqual(lost, [], "what the provider made is in the state, or named there as being made");
      if (hasPulumiCli()) assert.equal((await pulumiCli(project, ["stack", "export"])).code, 0);
    }
    const finished = await succeed(project, "up", "--yes", "--skip-preview", "--parallel", "4");
    assert.match(finished.stdout, /Removed the lock of a process that is no longer running/);
    const things = project.resources().filter(({ type }) => type === "demo:index:Thing");
    assert.deepEqual(things.map(({ urn }) => nameOf(urn)).sort(), [...names].sort());
    const all = made(project);
    const twice = names.filter((name) => all.filter((one) => one === name).length > 1);
    assert.deepEqual(
      twice.filter((name) => !doubtful.has(name)),
      [],
    );
  });
});

/** Faults of a file: cut off, overwritten, or with a JSON value where another one belongs. */
function brokenTexts(text: string): fc.Arbitrary<string> {
  const at = fc.nat(text.length - 1);
  const json = fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>(null, [], {}, "", 0, -1, true, "urn:pulumi:x"));
  const cut = at.map((end) => text.slice(0, end));
  const overwritten = fc
    .tuple(at, fc.string({ minLength: 1, maxLength: 8 }))
    .map(([from, other]) => text.slice(0, from) + other + text.slice(from + other.length));
  const replaced = fc.tuple(fc.nat(10_000), json).map(([index, value]) => replaceMember(text, index, value));
  return fc.oneof(cut, overwritten, { weight: 4, arbitrary: replaced });
}

/** The JSON with the value of its `index`th member, counted all the way down, replaced. */
function replaceMember(text: string, index: number, value: unknown): string {
  const holders: [object: Record<string, unknown>, key: string][] = [];
  const collect = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    for (const key of Object.keys(node)) {
      holders.push([node as Record<string, unknown>, key]);
      collect((node as Record<string, unknown>)[key]);
    }
  };
  const parsed: unknown = JSON.parse(text);
  collect(parsed);
  const [object, key] = holders[index % holders.length] as (typeof holders)[number];
  object[key] = value;
  return JSON.stringify(parsed);
}

describe("the standalone engine and broken files", function () {
  this.timeout(120_000);
  let project: TestProject;
  /** One for all attempts, so that the passphrase's key is derived once. */
  let backend: ReturnType<typeof openBackend>;

  before(async () => {
    project = await projectWithStack(`
      const a = new Thing("a", { value: pulumi.secret("hush"), list: [1.5] }, { protect: true });
      new Thing("b", { value: a.id }, { deletedWith: a, customTimeouts: { create: "5m" } });`);
    await succeed(project, "config", "set", "--secret", "token", "hush");
    await succeed(project, "up", "--yes", "--skip-preview");
    backend = openBackend(project.folder, project.env);
  });
  after(() => project.remove());

  /** Reads what a run would read; anything but success or a text for the operator is a defect. */
  async function isRefused(): Promise<boolean> {
    try {
      await backend.effectiveConfig("dev");
      await backend.loadState("dev");
      return false;
    } catch (error) {
      assert.ok(error instanceof OperatorError, error instanceof Error ? error.stack : String(error));
      assert.match(error.message, /\S{3}/);
      return true;
    }
  }

  async function assertRefusals(file: string, brokenOnes: fc.Arbitrary<string>, numRuns: number): Promise<void> {
    const whole = fs.readFileSync(file, "utf8");
    let refused = 0;
    try {
      await fc.assert(
        fc.asyncProperty(brokenOnes, async (text) => {
          fs.writeFileSync(file, text);
          if (await isRefused()) refused++;
          assert.equal(fs.readFileSync(file, "utf8"), text, "the file is as it was");
        }),
        { numRuns },
      );
      assert.ok(refused > numRuns / 10, `only ${refused} were refused`);
    } finally {
      fs.writeFileSync(file, whole);
    }
  }

  it("refuses checkpoints that it cannot rely on, with a text, and does not touch them", async () => {
    const file = project.file(".pulumi/stacks/probe/dev.json");
    await assertRefusals(file, brokenTexts(fs.readFileSync(file, "utf8")), 150);
  });

  it("refuses stack files that it cannot read, with a text, and does not touch them", async () => {
    const file = project.file("Pulumi.dev.yaml");
    const text = fs.readFileSync(file, "utf8");
    const at = fc.nat(text.length - 1);
    const noise = fc.constantFrom(":", "\n", "  ", "- ", "{", "[", '"', "&a *a", "\t", "!!x", "%", "v1:", "\u0000");
    const broken = fc
      .tuple(at, noise, fc.nat(12))
      .map(([from, other, gone]) => text.slice(0, from) + other + text.slice(from + gone));
    await assertRefusals(file, broken, 60);
  });

  it("runs nothing on them, whatever the command", async () => {
    const file = project.file(".pulumi/stacks/probe/dev.json");
    const whole = fs.readFileSync(file, "utf8");
    const broken = whole.replace('"custom":true', '"custom":"yes"');
    fs.writeFileSync(file, broken);
    project.calls();
    for (const command of ["up", "refresh", "destroy"]) {
      const ended = await standalone(project, [command, "--yes", "--skip-preview"]);
      assert.match(ended.stderr, /cannot be read: resource \d has a 'custom' that cannot be one\. It was not touched/);
    }
    assert.match((await standalone(project, ["state", "taint", "--all"])).stderr, /It was not touched/);
    assert.deepEqual([project.calls(), fs.readFileSync(file, "utf8")], [[], broken]);
    fs.writeFileSync(file, whole);
  });
});
