import { type Backend } from "../engine/main";
import type { Site } from "../phases/site";
import { type Settings, siteOf } from "../settings";
import { providePassphrase } from "./passphrase";
import { openProject, projectFolder, stackSettings } from "./project";

/** A stack with its settings, and the installation that it is about. */
export interface OpenStack {
  readonly backend: Backend;
  readonly stack: string;
  readonly settings: Settings;
  readonly site: Site;
}

/**
 * Opens a stack of the project. The process works in the project's folder from then on: the paths of the settings are
 * relative to it.
 *
 * @param name - the stack; undefined for the selected one
 */
export async function openStack(name: string | undefined): Promise<OpenStack> {
  const project = projectFolder();
  providePassphrase(project, false);
  process.chdir(project);
  const backend = openProject();
  const stack = backend.requireStack(name);
  const settings = await stackSettings(backend, stack);
  return { backend, stack, settings, site: siteOf(settings) };
}
