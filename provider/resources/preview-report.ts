import { hostname } from "node:os";

import { describeRefusals } from "../../phases/faults";
import type { Look } from "../../phases/preflight";
import { describeDrift } from "../../planner/drift";
import type { Refusal } from "../../planner/refusals";
import { unwrapped } from "../../planner/summary";
import { previewReport } from "../../report/preview";
import { writeReportFile } from "../../report/write";
import { programVersion } from "../../version";
import { type Call, stackOf } from "./resource";

/** What a preview says beyond the plan. */
export interface Said {
  readonly refusals?: readonly Refusal[];
  readonly gates?: readonly Refusal[];
  /** Rows of the summary. */
  readonly estimates?: readonly string[];
}

/**
 * Writes what a preview found into the file that `octollm preview --report` names, and nothing without it. That it cannot be
 * written is said.
 *
 * @param version - the release that is wanted
 * @param seen - null when the installation could not be looked at
 */
export async function reportPreview(call: Call, version: string, seen: Look | null, said: Said = {}): Promise<void> {
  const file = process.env.OCTOLLM_PREVIEW_REPORT ?? "";
  if (file === "") return;
  const { refusals = [], gates = [], estimates = [] } = said;
  const outcome = seen?.outcome;
  const plan = outcome?.kind === "plan" ? outcome.plan : null;
  const texts = (reasons: readonly Refusal[]) => reasons.map((reason) => describeRefusals([reason]));
  const report = previewReport({
    program: programVersion,
    stack: stackOf(call),
    host: hostname(),
    from: plan?.from ?? seen?.observation.world.release ?? version,
    to: version,
    madeAt: Date.now(),
    plan,
    settled: refusals.length === 0 && said.gates === undefined,
    refusals: texts(refusals),
    gates: texts(gates),
    estimates: unwrapped(estimates),
    drift: seen === null ? [] : describeDrift(seen.observation.world),
  });
  try {
    await writeReportFile(file, report);
  } catch (error) {
    call.log.warning(`The report could not be written. ${error instanceof Error ? error.message : String(error)}`);
  }
}
