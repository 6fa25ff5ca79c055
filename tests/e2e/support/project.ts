import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { openBackend } from "../../../engine/main";
import { atExit } from "../../support/at-exit";
import { type Engine, searchPath } from "./engines";
import { killAll, processesIn } from "./processes";

const program = resolve(__dirname, "../../..");

/** What a project of its own shares with the program's. */
const shared = [
  ...["boot.cjs", "index.ts", "settings.ts", "version.ts", "boot", "bin", "cli", "components", "planner", "provider"],
  ...[
    "phases",
    "postgres",
    "backup",
    "runtimes",
    "environment",
    "compose",
    "releases",
    "engine",
    "demo",
    "migrate",
    "alembic",
    "rehearsal",
    "report",
    "notify",
    "node_modules",
  ],
];

/** The stack of every test. */
export const stack = "dev";

/** Projects that are there, each with what takes back its removal at the end of the test process. */
const made = new Map<string, () => void>();

/**
 * A Pulumi project of its own, with the program of this one: state, settings, passphrase and selection are private. What
 * is left of it when the tests end, however they end, is ended and removed.
 */
export function makeProject(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "octollm-e2e-")));
  for (const file of ["Pulumi.yaml", "package.json"]) copyFileSync(join(program, file), join(folder, file));
  for (const name of shared) symlinkSync(join(program, name), join(folder, name));
  mkdirSync(join(folder, "home"));
  made.set(
    folder,
    atExit(() => {
      killAll(() => processesIn(folder));
      removeProject(folder);
    }),
  );
  return folder;
}

/** Removes a project; what it links to stays. */
export function removeProject(folder: string): void {
  made.get(folder)?.();
  made.delete(folder);
  rmSync(folder, { recursive: true, force: true });
}

/** The environment of a command in a project: nothing of the developer's own Pulumi. */
export function projectEnvironment(folder: string, engine: Engine): NodeJS.ProcessEnv {
  return {
    PATH: searchPath(engine),
    HOME: join(folder, "home"),
    USER: "tester",
    LANG: "C.UTF-8",
    PULUMI_HOME: join(folder, "home", ".pulumi"),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    NO_COLOR: "1",
  };
}

/** Selects the stack, as `stack select` does. */
export function selectStack(folder: string): void {
  openBackend(folder, projectEnvironment(folder, "standalone")).select(stack);
}
