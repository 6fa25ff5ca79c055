import { existsSync } from "node:fs";
import { isAbsolute, relative } from "node:path";

import type { Backend } from "../engine/main";

/** An installation's folder as the settings of a project have it: relative below the project, else absolute. */
export function installationFrom(project: string, folder: string): string {
  const inside = relative(project, folder);
  return inside.startsWith("..") || isAbsolute(inside) ? folder : inside || ".";
}

/** Settings as the engine hands them over. */
export function asText(settings: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
  );
}

/** Settings that somebody has written are left alone. @param word - the command that was about to write some */
export function refuseIfConfigured(backend: Backend, stack: string, word: string): void {
  const config = backend.config(stack);
  if (config.get("octollm:version") === undefined) return;
  throw new Error(
    `${config.file} has settings already; they were left alone. Use that stack (octollm preview --stack ${stack}), or ` +
      `name another one: octollm ${word} --stack <name>`,
  );
}

/** Makes a stack with these settings, and selects it. */
export async function writeStack(backend: Backend, stack: string, settings: Record<string, unknown>): Promise<void> {
  if (!existsSync(backend.location.checkpoint(stack))) await backend.createStack(stack);
  const config = backend.config(stack);
  for (const [key, value] of Object.entries(settings))
    config.set(`octollm:${key}`, value as Parameters<typeof config.set>[1]);
  config.save();
  backend.select(stack);
}
