import { hostname } from "node:os";

import { standingRevisions } from "../planner/chain";
import type { Acceptances } from "../planner/gates";
import { closedGates } from "../planner/gates";
import { makePlan, type Outcome } from "../planner/make-plan";
import type { Plan } from "../planner/plan";
import type { Refusal } from "../planner/refusals";
import type { Client } from "../postgres/connection";
import { ensureLedger, type NewAttempt, openAttempt, recordPhase } from "../postgres/ledger";
import { recordReleaseFiles } from "../postgres/ledger-releases";
import { recordUndoneElsewhere } from "../postgres/ledger-revisions";
import { readCatalogueFiles } from "../releases/catalogue-files";
import { programVersion } from "../version";
import { type Attempt, type AttemptProgress, noProgress, PhaseError, type StopAfter, withLedger } from "./attempt";
import { keepAttemptNumber } from "./attempt-number";
import { describeRefusals } from "./faults";
import { momentOf } from "./moment";
import { type Observation, observe } from "./observe";
import { verifyBeforeRestore } from "./restore";
import { catalogueFolder, goalOf, logMarks, type Site } from "./site";
import { type Telling, tellNobody } from "./telling";

/** Which database a stack belongs to; a null identifier is one that the role may not read. */
export interface DatabasePin {
  readonly systemIdentifier: string | null;
  readonly database: string;
}

/** What the operator asks of a site. */
export interface Request {
  readonly site: Site;
  readonly version: string;
  /** The backup that is to be restored; empty for none. */
  readonly restoreFrom: string;
  /** Whether the stack has no state yet. */
  readonly emptyStack: boolean;
  /** Secret; empty when `.env` says where the database is. */
  readonly databaseUrl: string;
  readonly stopAfter: StopAfter;
  /** Whom the attempt is told to; nobody when absent. */
  readonly telling?: Telling;
}

/** One look at the world, and what the planner made of it. */
export interface Look {
  readonly observation: Observation;
  readonly outcome: Outcome;
}

/** Looks at the installation and plans; touches nothing. @throws WorldFault with everything that cannot be looked at */
export async function look({
  site,
  version,
  restoreFrom,
  emptyStack,
  databaseUrl,
}: Omit<Request, "stopAfter" | "telling">): Promise<Look> {
  const observation = await observe({ site, version, restoreFrom, databaseUrl, emptyStack });
  const outcome = makePlan(observation.world, goalOf(site, version, emptyStack, restoreFrom), observation.catalogue);
  return { observation, outcome };
}

/** The pin of the database that was looked at. */
export function pinOf({ database }: Observation): DatabasePin {
  return { systemIdentifier: database.systemIdentifier, database: database.database };
}

/** Why this is not the database that the stack belongs to; empty when it is. */
export function judgePin(pin: DatabasePin, observation: Observation): Refusal[] {
  const now = pinOf(observation);
  const same =
    now.database === pin.database &&
    (now.systemIdentifier ?? pin.systemIdentifier) === (pin.systemIdentifier ?? now.systemIdentifier);
  if (same) return [];
  const describe = ({ database, systemIdentifier }: DatabasePin) =>
    `'${database}' of cluster ${systemIdentifier ?? "unknown"}`;
  return [
    {
      path: "database",
      text:
        `this stack belongs to database ${describe(pin)}, but the settings lead to ${describe(now)}. Correct the settings; ` +
        `for another installation make another stack: octollm stack init <name>`,
    },
  ];
}

/** The plan of a look. @throws PhaseError that lists every refusal */
export function plannedBy({ outcome }: Look): Plan {
  if (outcome.kind === "plan") return outcome.plan;
  throw new PhaseError(describeRefusals(outcome.reasons));
}

/**
 * Opens an attempt in the ledger; the caller holds the upgrade lock.
 *
 * @returns the attempt, and the look that its plan was made from
 * @throws PhaseError when a gate is closed or nothing can be planned; nothing was touched then
 */
export async function begin(
  request: Request,
  stack: string,
  accepted: Acceptances,
): Promise<{ readonly attempt: Attempt; readonly seen: Look }> {
  const seen = await look(request);
  const plan = plannedBy(seen);
  const gates = closedGates(plan, accepted, momentOf(seen.observation));
  if (gates.length > 0)
    throw new PhaseError(
      `The upgrade was not started, nothing was touched. Still to be accepted:\n${describeRefusals(gates)}`,
    );
  await verifyBeforeRestore(request.site, plan.restore);
  const { address, catalogue } = seen.observation;
  const opened: NewAttempt = {
    stack,
    host: hostname(),
    pid: process.pid,
    programVersion,
    planId: plan.id,
    reviewedPlan: accepted.reviewedPlan || null,
    fromVersion: plan.from,
    toVersion: plan.to,
    direction: plan.direction,
    expected: plan.attempt,
    ...(plan.restore.way === "done"
      ? { restored: { backup: plan.restore.backup ?? "", wish: plan.restore.wish } }
      : {}),
  };
  const isDamaged = seen.observation.world.restore.damage !== null;
  const standing = standingRevisions(catalogue, seen.observation.world.revisions);
  const files = readCatalogueFiles(catalogueFolder(request.site));
  if (!isDamaged)
    await withLedger({ address }, async (client) => {
      await enterAttempt(client, opened, standing);
      await recordReleaseFiles(client, files);
    });
  await keepAttemptNumber(request.site, plan.attempt);
  const logs = await logMarks(request.site, plan.from);
  const progress: AttemptProgress = { ...noProgress(), logMarks: logs, ledger: isDamaged ? "none" : "there" };
  const { site, stopAfter, telling = tellNobody } = request;
  const attempt = { number: plan.attempt, plan, opened, site, address, catalogue, stopAfter, progress, telling };
  return { attempt, seen };
}

/**
 * Opens an attempt, and closes what the ledger says of revisions that somebody else has undone.
 *
 * @param standing - as `standingRevisions` gives it; null leaves the ledger's rows as they are
 * @returns the attempt's number
 */
export async function enterAttempt(
  client: Client,
  opened: NewAttempt,
  standing: readonly string[] | null,
): Promise<number> {
  await ensureLedger(client);
  const attempt = await openAttempt(client, opened);
  const undone = standing === null ? [] : await recordUndoneElsewhere(client, standing);
  if (undone.length === 0) return attempt;
  const detail = `undone elsewhere since: ${undone.join(", ")}`;
  await recordPhase(client, { attempt, phase: "Preflight", status: "note", detail });
  return attempt;
}
