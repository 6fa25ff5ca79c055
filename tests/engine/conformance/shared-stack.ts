import assert from "node:assert/strict";
import fs from "node:fs";

import { type Engine, projectWithStack, type TestProject } from "../support/project";
import { byText, callsOf, type Json, nameOf, type Resource, stateOf, stepsOf } from "./observe";
import { outside, type Rule, rules } from "./rules";

/** What one engine did for one rule, command by command. */
export type Observed = Record<string, Json>[];

const textOf = ({ programs }: Rule, generation: number): string =>
  programs[Math.min(generation, programs.length - 1)] ?? "";

function programOf(generation: number): string {
  const blocks = rules.map(
    (rule) => `rule(${JSON.stringify(rule.name)}, (thing, group, demo, out) => { ${textOf(rule, generation)} });`,
  );
  return `
    class Finished extends Group { finish(outputs) { this.registerOutputs(outputs); } }
    const rule = (of, program) => program(
      (name, args, options) => new Thing(of + "." + name, args, options),
      (name, options) => new Finished(of + "." + name, options),
      (name, args, options) => new Demo(of + "." + name, args, options),
      (name, value) => { module.exports[of + "." + name] = value; });
    ${blocks.join("\n")}`;
}

const isOf = (rule: Rule, { urn }: Resource): boolean => nameOf(urn as string).startsWith(`${rule.name}.`);

/** Whether a command can tell something of a rule: up to one generation without a change, and to the end where asked for. */
function isTelling({ programs, toTheEnd }: Rule, title: string): boolean {
  const generation = /^(?:preview|up) (\d)$/.exec(title)?.[1];
  return generation === undefined ? toTheEnd === true : Number(generation) <= programs.length;
}

/** Where nothing says what comes first, the order is no part of the rule. */
const arranged = (inOrder: boolean, items: Resource[]): Resource[] => (inOrder ? items : [...items].sort(byText));

function compact(values: Record<string, Json>): Record<string, Json> {
  const full = Object.entries(values).filter(
    ([, value]) => typeof value === "string" || Object.keys(value ?? {}).length > 0,
  );
  return Object.fromEntries(full);
}

/** Runs one command and sorts what happened by rule. */
class Player {
  readonly observed = new Map<string, Observed>([...rules.map(({ name }) => name), "stack"].map((name) => [name, []]));
  readonly #engine: Engine;
  readonly #project: TestProject;
  #before: ReadonlyMap<string, Resource> = new Map();

  constructor(engine: Engine, project: TestProject) {
    this.#engine = engine;
    this.#project = project;
  }

  async play(title: string, ...argv: string[]): Promise<void> {
    const run = await this.#engine(this.#project, argv);
    assert.equal(run.code, 0, `${title}: ${run.stdout}${run.stderr}`);
    const calls = callsOf(this.#project);
    const preview = argv.includes("--json") ? stepsOf(run.stdout) : undefined;
    const { state, raw } = preview ? { state: [], raw: this.#before } : stateOf(this.#project, this.#before);
    this.#before = raw;
    const part = (isPart: (resource: Resource) => boolean, inOrder: boolean): Record<string, Json> => ({
      title,
      calls: arranged(inOrder, calls.filter(isPart)),
      steps: arranged(inOrder, preview?.steps.filter(isPart) ?? []),
      state: state.filter(isPart),
    });
    for (const rule of rules.filter((candidate) => isTelling(candidate, title))) {
      const inOrder = rule.ordered === true && !title.includes("refresh");
      this.observed.get(rule.name)?.push(compact(part((resource) => isOf(rule, resource), inOrder)));
    }
    const rest = part((resource) => !rules.some((rule) => isOf(rule, resource)), false);
    const { changes = {}, diagnostics = [] } = preview ?? {};
    this.observed.get("stack")?.push(compact({ ...rest, changes, diagnostics }));
  }
}

/**
 * Plays all generations of all rules on one stack, each with a preview before it, and a refresh at the end. What belongs to
 * the stack itself comes under the name `stack`.
 */
export async function playRules(engine: Engine): Promise<Map<string, Observed>> {
  const project = await projectWithStack("");
  project.env.DEMO_TRACE = project.file("trace.log");
  const player = new Player(engine, project);
  try {
    for (const generation of [0, 1, 2, 3]) {
      project.program(programOf(generation));
      await player.play(`preview ${generation}`, "preview", "--json");
      await player.play(`up ${generation}`, "up", "--yes", "--skip-preview");
    }
    fs.writeFileSync(project.file("outside.json"), JSON.stringify(outside));
    await player.play("preview with refresh", "preview", "--refresh", "--json");
    await player.play("refresh", "refresh", "--yes", "--skip-preview");
    await player.play("up after refresh", "up", "--yes", "--skip-preview");
    fs.rmSync(project.file("outside.json"));
    await player.play("destroy", "destroy", "--yes", "--skip-preview");
    return player.observed;
  } finally {
    project.remove();
  }
}
