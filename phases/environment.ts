import { DotenvFile } from "../environment/dotenv-file";
import { replaceFile } from "../environment/write";
import { changeCompose } from "../planner/compose";
import { followPlan } from "../planner/environment";
import type { EnvironmentPlan } from "../planner/plan";
import { type Attempt, PhaseError } from "./attempt";
import { writeClusterEnvironment } from "./cluster";
import { readCompose } from "./compose";
import { imagePatterns, readEnvironment, sitePath } from "./site";

/** A file that is to be replaced, and the digest that it must still have. */
interface Replacement {
  readonly path: string;
  readonly content: Uint8Array | string;
  readonly expected: string;
}

/**
 * Rewrites `.env`, or what stands for it in a cluster, and the compose file where the settings name one, as the plan shows it:
 * every other byte stays. What already is so is not written; neither is written unless both come out as planned.
 *
 * @throws PhaseError when a file no longer gives the planned lines, ReplaceFileError when it cannot be written
 */
export async function changeEnvironmentFile(attempt: Attempt, plan: EnvironmentPlan): Promise<void> {
  const { site, catalogue, progress } = attempt;
  const files = [await newEnvironment(attempt, plan), await newCompose(attempt, plan)];
  for (const file of files) {
    if (file === null) continue;
    progress.touched = true;
    const { expected } = file;
    if (site.kubernetes)
      await writeClusterEnvironment(site.kubernetes, DotenvFile.parse(file.content), { expected, catalogue });
    else await replaceFile(sitePath(site, file.path), file.content, { expected });
  }
}

async function newEnvironment({ site, catalogue }: Attempt, plan: EnvironmentPlan): Promise<Replacement | null> {
  if (plan.lines.length === 0) return null;
  const { file, sha256 } = await readEnvironment(site);
  const result = followPlan(file, plan, catalogue);
  if (result.lines.length === 0) return null;
  refuseOthers(plan.file, result.lines, plan.lines);
  return { path: plan.file, content: result.file.toBuffer(), expected: sha256 };
}

async function newCompose(
  { site, catalogue, plan: whole }: Attempt,
  { compose: plan }: EnvironmentPlan,
): Promise<Replacement | null> {
  if (!plan || plan.lines.length === 0) return null;
  const { file: environment } = await readEnvironment(site);
  const read = await readCompose(site, environment);
  if (read === null) return null;
  const images = imagePatterns(site);
  const { from, to } = { from: whole.environment.since ?? whole.from, to: whole.to };
  const result = changeCompose({ compose: read.world, environment, path: plan.file, from, to, catalogue, images });
  if (result.plan.lines.length === 0) return null;
  refuseOthers(plan.file, result.plan.lines, plan.lines);
  return { path: plan.file, content: result.file.text, expected: read.sha256 };
}

function refuseOthers(path: string, lines: readonly string[], planned: readonly string[]): void {
  if (lines.join("\n") === planned.join("\n")) return;
  throw new PhaseError(
    `'${path}' was changed by somebody while the upgrade ran, and its new lines would not be those of the plan. ` +
      `The file was not written.`,
  );
}
