import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { applyComposeRelease, undoComposeRelease } from "../../compose/changes";
import { ComposeFile } from "../../compose/compose-file";
import { describeComposeEdits } from "../../compose/describe";
import { envFiles, serviceEnvironment, type ServiceVariable } from "../../compose/service-environment";
import { applyRelease } from "../../environment/changes";
import { DotenvFile, expandedValues } from "../../environment/dotenv-file";
import type { EnvironmentChange } from "../../releases/release";

export const composeFixtures = join(__dirname, "..", "fixtures", "compose");

/** What a compose file of a folder is filled in with, and what its services get. */
export function sourcesIn(folder: string, file: ComposeFile) {
  const values = expandedValues(DotenvFile.parse(readFileSync(join(folder, ".env"))));
  const of = (service: string): Map<string, ServiceVariable> => {
    const named = envFiles(file, service, values).filter(({ path }) => existsSync(join(folder, path)));
    const files = new Map(named.map(({ path }) => [path, DotenvFile.parse(readFileSync(join(folder, path)))]));
    return serviceEnvironment(file, service, { values, files });
  };
  return { values, of };
}

/** A change of a release made to a compose file and its `.env` together. */
export interface Moved {
  readonly text: string;
  readonly lines: readonly string[];
  readonly left: readonly string[];
  /** What each service gets afterwards. */
  readonly services: Readonly<Record<string, Record<string, string | null>>>;
}

const images = { orchestrator: "octollm/orchestrator:2.0.0" };

/** @param env - the `.env` before the release */
export function up(text: string, changes: readonly EnvironmentChange[], env = "", version = "2.0.0"): Moved {
  const file = ComposeFile.parse(text);
  const before = DotenvFile.parse(env);
  const after = applyRelease(before, { version, changes }).file;
  const around = { before: sourcesWith(before), after: sourcesWith(after) };
  const result = applyComposeRelease(file, { version, changes, images }, around);
  const services = Object.fromEntries(
    result.file.serviceNames().map((service) => {
      const got = serviceEnvironment(result.file, service, around.after);
      return [service, Object.fromEntries([...got].map(([key, { value }]) => [key, value]))];
    }),
  );
  return { text: result.file.text, lines: describeComposeEdits(result.edits), left: result.left, services };
}

export function down(text: string, changes: readonly EnvironmentChange[], version = "2.0.0"): string {
  return undoComposeRelease(ComposeFile.parse(text), { version, changes }).file.text;
}

function sourcesWith(env: DotenvFile) {
  return { values: expandedValues(env), files: new Map([[".env", env]]) };
}
