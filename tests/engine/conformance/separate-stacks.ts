import assert from "node:assert/strict";
import fs from "node:fs";

import { type Engine, projectWithStack, type Run, type TestProject } from "../support/project";
import type { Case, Command } from "./cases";
import { byText, callsOf, type Json, type Resource, stateOf, stepsOf } from "./observe";

function prepare(project: TestProject, { program, outside, state }: Command): void {
  if (program !== undefined) project.program(program);
  if (outside) fs.writeFileSync(project.file("outside.json"), JSON.stringify(outside));
  if (!state) return;
  const file = project.file(".pulumi/stacks/probe/dev.json");
  const checkpoint = JSON.parse(fs.readFileSync(file, "utf8")) as { checkpoint: { latest: { resources: Resource[] } } };
  state(checkpoint.checkpoint.latest);
  fs.writeFileSync(file, JSON.stringify(checkpoint));
}

/** Plays a case; that both engines say what they have to say is asserted here. */
export async function playCase(engine: Engine, played: Case): Promise<Record<string, Json>[]> {
  const project = await projectWithStack("");
  project.env.DEMO_TRACE = project.file("trace.log");
  const observed: Record<string, Json>[] = [];
  let before: ReadonlyMap<string, Resource> = new Map();
  try {
    for (const command of played.commands) {
      prepare(project, command);
      const run = await engine(project, command.argv, command.env);
      const title = command.argv.join(" ");
      for (const said of command.says ?? []) assert.match(run.stdout + run.stderr, said, title);
      const calls = callsOf(project);
      const { state, raw } = stateOf(project, before);
      before = raw;
      observed.push({
        title,
        code: run.code,
        calls: command.anyCalls ? [] : played.ordered ? calls : calls.sort(byText),
        ...shownBy(command, run),
        ...(command.argv.includes("--json") ? {} : { state, pending: pendingOf(project) }),
      });
    }
    return observed;
  } finally {
    project.remove();
  }
}

function shownBy({ argv }: Command, { stdout }: Run): Record<string, Json> {
  if (argv[0] === "stack") return { output: stdout.trim() };
  if (!argv.includes("--json")) return {};
  const { steps, changes } = stepsOf(stdout);
  return { steps: steps.sort(byText), changes };
}

interface Pending {
  type: string;
  resource: { urn: string };
}

function pendingOf(project: TestProject): Json {
  const text = fs.readFileSync(project.file(".pulumi/stacks/probe/dev.json"), "utf8");
  const { latest } = (JSON.parse(text) as { checkpoint: { latest?: { pending_operations?: Pending[] } } }).checkpoint;
  return (latest?.pending_operations ?? []).map(({ resource, type }) => `${type} ${resource.urn}`);
}
