import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { z } from "zod";

import type { ContainerSpec } from "../runtime";

const schema = z.object({ restart: z.record(z.string(), z.object({ name: z.string(), retries: z.int() })) });

/** How the engine restarts a container: `unless-stopped`, and the most retries of `on-failure`. */
export interface RestartPolicy {
  readonly name: string;
  readonly retries: number;
}

type Spec = Pick<ContainerSpec, "name" | "stateFolder">;

function fileOf({ stateFolder, name }: Spec): string {
  return join(stateFolder, `${name}.container.json`);
}

/** The policies that containers of this service had before they were stopped, by the id of the container. */
export function readPolicies(spec: Spec): Readonly<Record<string, RestartPolicy>> {
  try {
    return schema.parse(JSON.parse(readFileSync(fileOf(spec), "utf8"))).restart;
  } catch {
    return {};
  }
}

/** Remembers a container's policy; one that is remembered already stays, because the engine may have another by now. */
export function keepPolicy(spec: Spec, id: string, policy: RestartPolicy): void {
  const restart = readPolicies(spec);
  if (!(id in restart)) write(spec, { ...restart, [id]: policy });
}

/** Forgets the policy of a container that has it again. */
export function forgetPolicy(spec: Spec, id: string): void {
  const { [id]: own, ...others } = readPolicies(spec);
  if (own !== undefined) write(spec, others);
}

/** Forgets all policies of this service. */
export function forgetPolicies(spec: Spec): void {
  rmSync(fileOf(spec), { force: true });
}

/** Whole or not at all. */
function write(spec: Spec, restart: Readonly<Record<string, RestartPolicy>>): void {
  mkdirSync(spec.stateFolder, { recursive: true, mode: 0o700 });
  const temporary = `${fileOf(spec)}.new`;
  writeFileSync(temporary, `${JSON.stringify({ restart }, null, 2)}\n`, { mode: 0o600 });
  renameSync(temporary, fileOf(spec));
}
