import { createHash } from "node:crypto";
import path from "node:path";

import { readIfThere, writeDurably } from "./files";
import { type Location, pulumiHome } from "./location";

interface WorkspaceSettings {
  stacks?: Record<string, string>;
  stack?: string;
  [key: string]: unknown;
}

function workspaceFile(env: NodeJS.ProcessEnv, location: Location, projectFile: string): string {
  const hash = createHash("sha1").update(projectFile).digest("hex");
  return path.join(pulumiHome(env), "workspaces", `${location.project}-${hash}-workspace.json`);
}

function read(file: string): WorkspaceSettings {
  const text = readIfThere(file);
  return text ? (JSON.parse(text) as WorkspaceSettings) : {};
}

/** The stack that was selected in this folder; PULUMI_STACK goes first. */
export function selectedStack(env: NodeJS.ProcessEnv, location: Location, projectFile: string): string | undefined {
  const settings = read(workspaceFile(env, location, projectFile));
  const selected = env.PULUMI_STACK || settings.stacks?.[location.url] || settings.stack;
  return selected?.slice(selected.lastIndexOf("/") + 1);
}

/** Selects a stack, or none. */
export function selectStack(
  env: NodeJS.ProcessEnv,
  location: Location,
  projectFile: string,
  stack: string | undefined,
): void {
  const file = workspaceFile(env, location, projectFile);
  const settings = read(file);
  const stacks = { ...settings.stacks };
  if (stack === undefined) delete stacks[location.url];
  else stacks[location.url] = `organization/${location.project}/${stack}`;
  writeDurably(file, `${JSON.stringify({ ...settings, stacks }, null, 4)}\n`);
}
