import { replaceFile } from "../environment/write";
import { findRelease } from "../planner/chain";
import { changeEnvironment } from "../planner/environment";
import type { EnvironmentPlan } from "../planner/plan";
import type { Release } from "../releases/release";
import { type Attempt, PhaseError } from "./attempt";
import { readEnvironment, sitePath } from "./site";

/**
 * Rewrites `.env` as the plan shows it: every other byte stays. A file that already is so is not written.
 *
 * @throws PhaseError when the file no longer gives the planned lines, ReplaceFileError when it cannot be written
 */
export async function changeEnvironmentFile(attempt: Attempt, plan: EnvironmentPlan): Promise<void> {
  if (plan.lines.length === 0) return;
  const { file, sha256 } = await readEnvironment(attempt.site);
  const find = (versions: readonly string[]): Release[] =>
    versions.flatMap((version) => findRelease(attempt.catalogue, version) ?? []);
  const result = changeEnvironment(file, find(plan.undo), find(plan.apply));
  if (result.lines.length === 0) return;
  if (result.lines.join("\n") !== plan.lines.join("\n"))
    throw new PhaseError(
      `'${plan.file}' was changed by somebody while the upgrade ran, and its new lines would not be those of the plan. ` +
        `The file was not written.`,
    );
  attempt.progress.touched = true;
  await replaceFile(sitePath(attempt.site, plan.file), result.file.toBuffer(), { expected: sha256 });
}
