import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { type Backend, openBackend } from "../engine/main";

/** The folder of this program: its Pulumi.yaml is the one that is used outside any other octollm project. */
const programFolder = dirname(__dirname);

/** The nearest folder, from the current one upwards, with a Pulumi.yaml of project `octollm`; else the program's own. */
export function projectFolder(): string {
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    const file = join(folder, "Pulumi.yaml");
    if (existsSync(file) && /^name:\s*octollm\s*$/m.test(readFileSync(file, "utf8"))) return folder;
    if (folder === dirname(folder)) return programFolder;
  }
}

/** The project's stacks and their state. */
export function openProject(): Backend {
  return openBackend(projectFolder(), process.env);
}
