import type { DotenvFile } from "../../environment/dotenv-file";
import type { Catalogue, EnvironmentChange, Release } from "../../releases/release";
import { findRelease } from "../chain";
import { passedReleases } from "../installing";
import type { Plan } from "../plan";
import type { Refusal } from "../refusals";
import type { World } from "../world";

/** What the operator has to put right in `.env` before its new lines can be written. */
export function judgeEnvironment(plan: Plan, { environment }: World, catalogue: Catalogue): Refusal[] {
  const { file } = plan.environment;
  const apply = plan.environment.apply.flatMap((version) => findRelease(catalogue, version) ?? []);
  return judgeDotenv(environment, file, apply, passedReleases(plan, catalogue));
}

/**
 * The same for a file alone.
 *
 * @param path - the file's, for the texts
 * @param apply - the releases that change something in it
 * @param passed - all releases on the way
 */
export function judgeDotenv(
  environment: DotenvFile,
  path: string,
  apply: readonly Release[],
  passed: readonly Release[],
): Refusal[] {
  const touched = new Set(apply.flatMap((release) => release.environment.flatMap(keysOf)));
  const twice = environment.duplicates().filter((key) => touched.has(key));
  const required = passed.flatMap((release) =>
    release.environment.flatMap((change) =>
      change.kind === "require" ? [{ ...change, version: release.version }] : [],
    ),
  );
  return [
    ...twice.map((key) => ({
      path: `${path}: ${key}`,
      text: `stands more than once, and the upgrade changes it. Keep the line that counts, the last one, and remove the others`,
    })),
    ...required
      .filter(({ key }) => !environment.get(key))
      .map(({ key, version, text }) => ({
        path: `${path}: ${key}`,
        text: `OctoLLM ${version} needs a value for it: ${text}. Add the line '${key}=...', which the release before ignores`,
      })),
  ];
}

/** Variables whose present lines decide what is written: a variable that is added and there already stays as it is. */
function keysOf(change: EnvironmentChange): string[] {
  if (change.kind !== "add") return [change.key];
  return change.from === undefined ? [] : [change.from];
}
