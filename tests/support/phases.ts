import { type AttemptProgress, inLedger } from "../../phases/attempt";
import { backUp, backUpBeforeRestore } from "../../phases/backup";
import { complete } from "../../phases/complete";
import { changeEnvironmentFile } from "../../phases/environment";
import { migrate } from "../../phases/migrate";
import { begin, look } from "../../phases/preflight";
import { quiesce } from "../../phases/quiesce";
import { restore } from "../../phases/restore";
import { resume } from "../../phases/resume";
import { readAddress, type Site } from "../../phases/site";
import type { Plan } from "../../planner/plan";
import { Session } from "../../provider/session";

export interface Wanted {
  readonly site: Site;
  readonly version: string;
  readonly restoreFrom?: string;
  readonly emptyStack?: boolean;
}

/** How a run without an engine ended. */
export interface Ran {
  readonly plan: Plan;
  readonly progress: AttemptProgress;
}

/**
 * What an engine runs, phase by phase, without one and without what a failing phase is settled by. Whatever the plan loses
 * or breaks is accepted.
 *
 * @param say - gets each line of progress, and one as each phase begins
 */
export async function runPhases(wanted: Wanted, say: (line: string) => void = () => undefined): Promise<Ran> {
  const { site, version, restoreFrom = "", emptyStack = false } = wanted;
  const session = new Session();
  try {
    await session.lock(await readAddress(site, ""), "dev", restoreFrom !== "");
    const request = { site, version, restoreFrom, emptyStack, databaseUrl: "", stopAfter: "" as const };
    const { outcome } = await look(request);
    const loss = outcome.kind === "plan" ? outcome.plan.loss.id : null;
    const accepted = { acceptBreaking: version, reviewedPlan: "", acceptLoss: loss ?? "", allowHazards: [] };
    const { attempt } = await begin(request, "dev", accepted);
    const { plan } = attempt;
    const withoutLock = <T>(work: () => Promise<T>) => session.withoutLock(work);
    const activity = { signal: session.signal, progress: say, withoutLock };
    const phase = async (name: string, work: () => Promise<unknown>) => {
      say(`phase ${name}`);
      await inLedger(attempt, name, work);
    };
    await phase("Quiesce", () => quiesce(attempt, plan.stops.services, activity));
    if (plan.backup.required)
      await phase("Backup", () => (plan.restore.backup === null ? backUp : backUpBeforeRestore)(attempt, activity));
    await phase("Restore", () => restore(attempt, plan.restore, activity));
    await phase("SchemaMigration", () => migrate(attempt, plan.revisions.pre, activity));
    await phase("Environment", () => changeEnvironmentFile(attempt, plan.environment));
    await phase("Resume", () => resume(attempt, plan.to, activity));
    await phase("Completion", () => complete(attempt, activity));
    return { plan, progress: attempt.progress };
  } finally {
    await session.release();
  }
}

/** As a program of its own, to be killed: what is wanted comes on standard input, every line goes to standard output. */
async function main(): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const wanted = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Wanted;
  await runPhases(wanted, (line) => process.stdout.write(`${line}\n`));
}

if (require.main === module) void main();
