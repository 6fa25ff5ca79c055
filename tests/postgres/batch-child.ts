import type { RevisionStep } from "../../planner/plan";
import type { DatabaseAddress } from "../../postgres/connection";
import { applyRevisions } from "../../postgres/runner";

/** A process that applies one step and says what it does, for tests that kill it. Its argument is this as JSON. */
export interface ChildTask {
  readonly address: DatabaseAddress;
  readonly step: RevisionStep;
}

const { address, step } = JSON.parse(process.argv[2] ?? "{}") as ChildTask;

applyRevisions({
  address,
  steps: [step],
  attempt: 1,
  batch: { firstRows: 20, targetMs: 4, reportMs: 0 },
  progress: (line) => process.stdout.write(`${line}\n`),
  signal: new AbortController().signal,
}).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
