import { applyRelease, undoRelease } from "../environment/changes";
import { describeEdits } from "../environment/describe";
import type { DotenvFile } from "../environment/dotenv-file";
import { setValues } from "../environment/set-values";
import type { Catalogue, Release } from "../releases/release";
import { compareVersions } from "../releases/version";
import { findRelease, releasesBetween } from "./chain";
import type { ComposeResult } from "./compose";
import type { EnvironmentPlan } from "./plan";

/** How `.env` comes out, with the releases that had anything to change in it. */
export interface EnvironmentResult {
  readonly file: DotenvFile;
  readonly undo: readonly string[];
  readonly apply: readonly string[];
  readonly lines: readonly string[];
}

/**
 * Takes back what the releases of `undo` had changed in an `.env`, then makes the changes of those of `apply`.
 *
 * @param original - the file as it is
 * @param variables - set to these values at last
 */
export function changeEnvironment(
  original: DotenvFile,
  undo: readonly Release[],
  apply: readonly Release[],
  variables: Readonly<Record<string, string>> = {},
): EnvironmentResult {
  let file = original;
  const lines: string[] = [];
  const touched = (release: Release, change: typeof applyRelease): string[] => {
    const result = change(file, { version: release.version, changes: release.environment });
    file = result.file;
    lines.push(...describeEdits(result.edits));
    return result.edits.length > 0 ? [release.version] : [];
  };
  const undone = undo.flatMap((release) => touched(release, undoRelease));
  const applied = apply.flatMap((release) => touched(release, applyRelease));
  const set = setValues(file, variables);
  return { file: set.file, undo: undone, apply: applied, lines: [...lines, ...describeEdits(set.edits)] };
}

/** How an `.env` comes out of what a plan says of it. */
export function followPlan(
  file: DotenvFile,
  { undo, apply, variables }: Pick<EnvironmentPlan, "undo" | "apply" | "variables">,
  catalogue: Catalogue,
): EnvironmentResult {
  const find = (version: string) => findRelease(catalogue, version) ?? [];
  return changeEnvironment(file, undo.flatMap(find), apply.flatMap(find), variables);
}

interface Way {
  /** Version 0 where there is none. */
  readonly from: Pick<Release, "version">;
  readonly to: Release;
  readonly catalogue: Catalogue;
}

/**
 * The lines that change on the way: what newer releases than `to` left is taken back, what is missing is added.
 *
 * @param compose - what changes in the compose file; null when the settings name none
 */
export function planEnvironment(
  file: DotenvFile,
  path: string,
  { from, to, catalogue }: Way,
  compose: ComposeResult | null = null,
): EnvironmentPlan {
  const newer = catalogue.releases.filter(({ version }) => compareVersions(version, to.version) > 0).toReversed();
  const passed = releasesBetween(catalogue, from.version, to.version);
  const variables = compose?.variables ?? {};
  const { undo, apply, lines } = changeEnvironment(file, newer, passed, variables);
  return {
    file: path,
    undo,
    apply,
    lines,
    ...(Object.keys(variables).length > 0 ? { variables } : {}),
    ...(compose ? { compose: compose.plan } : {}),
  };
}
