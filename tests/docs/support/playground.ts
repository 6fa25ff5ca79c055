import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

import { Running } from "../../e2e/support/command";
import { makeProject, projectEnvironment, removeProject } from "../../e2e/support/project";
import { Scenario } from "../../e2e/support/scenario";
import { missingLines, type Step } from "./directions";

/** Words that ask a question; nobody sits at the terminal, so they are told the answer. */
const asking = ["up", "destroy"];

const shims = {
  octollm: [
    `case "$1" in ${asking.join("|")}) set -- "$@" --yes --skip-preview ;; abort) set -- "$@" --yes ;; esac`,
    `case "$1 $2" in "migrate upgrade"|"migrate downgrade") set -- "$@" --yes ;; esac`,
    `exec '${process.execPath}' "$OCTOLLM_PROJECT/bin/octollm" "$@"`,
  ],
  // What npx would do in a folder with this package; a test of its own runs the real one.
  npx: ['[ "$1" = octollm ] || exit 127', "shift", 'exec octollm "$@"'],
};

/** Where the commands of a page are run: the program's folder, and beside it an installation of OctoLLM or none. */
export class Playground {
  readonly folder: string;
  readonly #scenario: Scenario | null;
  /** Where the block before has gone to, as in one shell. */
  #place: string;
  #printed = "";

  private constructor(folder: string, scenario: Scenario | null) {
    this.folder = folder;
    this.#place = folder;
    this.#scenario = scenario;
    mkdirSync(join(folder, "shims"));
    for (const [name, lines] of Object.entries(shims))
      writeFileSync(join(folder, "shims", name), ["#!/bin/sh", ...lines, ""].join("\n"), { mode: 0o755 });
  }

  /**
   * @param state - `program` (no installation), `installed` (OctoLLM 0.1.0 serves), `adopted` (a stack has it) or `stopped`
   *   (the same, and nothing serves)
   */
  static async create(state: string): Promise<Playground> {
    if (state === "program") return new Playground(makeProject(), null);
    assert.ok(["installed", "adopted", "stopped"].includes(state), `there is no state '${state}' to run commands in`);
    const scenario = await Scenario.create({ kind: state === "installed" ? state : "adopted" });
    if (state === "stopped") await scenario.stopByHand();
    return new Playground(scenario.folder, scenario);
  }

  /**
   * Runs a block of commands as one script that ends with the first failure.
   *
   * @throws AssertionError when it ends with another code, or prints something else, than the page says
   */
  async run({ block, direction, output }: Step): Promise<void> {
    assert.ok(direction.kind === "run");
    const script = this.#fill(block.text);
    if (direction.state !== null) this.#place = this.folder;
    const note = join(this.folder, "shims", "place");
    const running = new Running("bash", ["-euo", "pipefail", "-c", `trap 'pwd > "${note}"' EXIT\n${script}`], {
      cwd: this.#place,
      env: this.#environment(script),
    });
    const outcome = await running.ended;
    this.#place = readFileSync(note, "utf8").trim();
    this.#printed += outcome.output;
    if (process.env.SHOW) process.stdout.write(`\n$ ${script}\n${outcome.output}`);
    const told = `${block.place}:\n${script}\n---\n${outcome.output}`;
    assert.equal(outcome.code, direction.code, `ended with ${outcome.code}: ${told}`);
    if (!output) return;
    const missing = missingLines(this.#fill(output.text), outcome.output);
    assert.deepEqual(missing, [], `${output.place} shows what was not printed, by ${told}`);
  }

  /** A page's example values, replaced by those of this installation. */
  #fill(text: string): string {
    const { installation, port } = this.#scenario ?? { installation: "/srv/octollm", port: 8000 };
    return text
      .replaceAll("/srv/octollm", installation)
      .replace(/\b8000\b/g, String(port))
      .replace(/<(backup|plan|loss) id>/g, (placeholder, kind: string) => this.#id(kind) ?? placeholder);
  }

  /** What a reader would copy from what was printed before, or from the folder of backups. */
  #id(kind: string): string | undefined {
    if (kind === "backup") return readdirSync(join(this.#scenario?.installation ?? this.folder, "backups")).sort().at(-1);
    const pattern = kind === "plan" ? /\bplan +([0-9a-f]{12})\b/g : /acceptLoss ([0-9a-f]{8})\b/g;
    return [...this.#printed.matchAll(pattern)].at(-1)?.[1];
  }

  #environment(script: string): NodeJS.ProcessEnv {
    const env = projectEnvironment(this.folder, "standalone");
    return {
      ...env,
      PATH: [join(this.folder, "shims"), env.PATH].join(delimiter),
      OCTOLLM_PROJECT: this.folder,
      // A variable of the reader's own shell: only where the page uses it.
      ...(script.includes("$DATABASE_URL") ? { DATABASE_URL: this.#scenario?.databaseUrl } : {}),
    };
  }

  /** Ends everything that runs and removes it. */
  async close(): Promise<void> {
    if (this.#scenario) await this.#scenario.close();
    else removeProject(this.folder);
  }
}
