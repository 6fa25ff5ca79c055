import type { Backend } from "../engine/main";
import { type Site } from "../phases/site";
import type { Acceptances } from "../planner/gates";
import { parseSettings, type Settings, siteOf } from "../settings";
import { providePassphrase } from "./passphrase";
import { openProject, projectFolder } from "./project";

/** A stack as the chores around an upgrade need it. */
export interface OpenedStack {
  readonly backend: Backend;
  readonly name: string;
  readonly settings: Settings;
  readonly site: Site;
}

/**
 * Opens a stack of the project; paths of its settings are relative to the project, which becomes the working folder.
 *
 * @param name - the stack; undefined for the selected one
 * @throws SettingsError that lists every fault of its settings
 */
export async function openStack(name: string | undefined): Promise<OpenedStack> {
  const project = projectFolder();
  providePassphrase(project, false);
  process.chdir(project);
  const backend = openProject();
  const stack = backend.requireStack(name);
  const settings = await stackSettings(backend, stack);
  return { backend, name: stack, settings, site: siteOf(settings) };
}

/** What the stack's settings agree to. */
export function acceptancesOf(settings: Settings): Acceptances {
  const { acceptBreaking, reviewedPlan, acceptLoss, allowHazards, window, windowOverride } = settings;
  return { acceptBreaking, reviewedPlan, acceptLoss, allowHazards, window, windowOverride };
}

/**
 * The settings of a stack, defaults included and secrets in clear.
 *
 * @throws SettingsError that lists every fault
 */
async function stackSettings(backend: Backend, stack: string): Promise<Settings> {
  const config = await backend.effectiveConfig(stack);
  const prefix = `${backend.project.name}:`;
  const own = [...config].filter(([key]) => key.startsWith(prefix));
  const named = own.map(([key, { value, secret }]) => ({ name: key.slice(prefix.length), value, secret }));
  return parseSettings(
    Object.fromEntries(named.map(({ name, value }) => [name, value])),
    named.filter(({ secret }) => secret).map(({ name }) => name),
  );
}
