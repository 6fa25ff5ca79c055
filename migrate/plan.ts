import { describeServer } from "../phases/observe";
import { revisionIndex } from "../planner/chain";
import { type Acceptance, type Acceptances, judgeBreaking, judgeHazards, judgeLoss } from "../planner/gates";
import { judgeRelations } from "../planner/obstacles/relations";
import { judgeServer } from "../planner/obstacles/server";
import { judgeWays } from "../planner/obstacles/ways";
import { judgeChecksums, type Refusal } from "../planner/refusals";
import { moveSchema, type SchemaMove } from "../planner/schema-move";
import type { UnfinishedBatches } from "../postgres/batch-state";
import type { Attempt } from "../postgres/ledger";
import type { Catalogue } from "../releases/release";
import type { SchemaLook } from "./look";
import { resolveTarget, TargetError, type Way } from "./target";

/** What the operator asks for. */
export interface MoveWish {
  readonly way: Way;
  /** In Alembic's words. */
  readonly target: string;
  /** Whether no backup is to be made. */
  readonly noBackup: boolean;
  readonly accepted: Acceptances;
}

/** A move of the schema, and the release that it is made under. */
export interface PlannedMove {
  readonly move: SchemaMove;
  /** The release that was complete last; else the one whose schema it is. */
  readonly serves: string;
  /** A run that was killed, and is taken up again. */
  readonly resumes: Attempt | null;
}

const byOption: Acceptance = {
  path: (key) => optionOf(key),
  command: (key, value) => `${optionOf(key)} ${value}`,
};

function optionOf(key: keyof Acceptances): string {
  if (key === "allowHazards") return "--allow-hazard";
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/**
 * The move that leads to the target; looks at nothing but what was read.
 *
 * @throws TargetError where there is none
 */
export function planMove(catalogue: Catalogue, { look, here }: SchemaLook, { way, target }: MoveWish): PlannedMove {
  const { ledger } = look;
  const { openAttempt: open } = ledger;
  const resumes = open?.scope === "schema" && open.direction === (way === "upgrade" ? "up" : "down") ? open : null;
  const began = resumes && revisionIndex(catalogue, resumes.fromVersion === "none" ? null : resumes.fromVersion);
  const place = resolveTarget(catalogue, way, target, { here, start: began ?? here });
  const recorded = ledger.lastSucceeded?.toVersion ?? null;
  const move = moveSchema(catalogue, {
    here,
    place,
    serves: recorded,
    server: describeServer(look),
    tables: look.tables,
    halfDone: ledger.unfinishedBatches,
  });
  if ("dead" in move)
    throw new TargetError(
      `Nothing but a backup leads back from there: ${move.dead.map(({ revision, downLoss }) => `${revision} has no way down (${downLoss ?? ""})`).join("; ")}. ` +
        "See: octollm backups list.",
    );
  return { move, serves: recorded ?? catalogue.chain[here]?.release ?? move.to, resumes };
}

/** Everything that stands in the way of a move, found at once, before anything is touched. */
export function judgeMove(
  catalogue: Catalogue,
  { look }: SchemaLook,
  { move }: PlannedMove,
  { accepted, noBackup }: MoveWish,
): Refusal[] {
  const { database, ledger } = look;
  const halfDone = ledger.unfinishedBatches;
  const world = { database: database.database, server: describeServer(look) };
  const plan = {
    revisions: { pre: move.steps, post: [] },
    backup: { required: !noBackup && !database.isEmpty, contents: [] },
  };
  return [
    ...judgeOpen(ledger.openAttempt),
    ...judgeChecksums({ applied: ledger.appliedRevisions, revisions: database.revisions, halfDone }, catalogue),
    ...judgeHalfDone(move, halfDone),
    ...judgeWays(plan, { tables: look.tables, halfDone }, catalogue),
    ...judgeServer(plan, world),
    ...judgeRelations(plan, world, catalogue),
    ...judgeBreaking(move, accepted, byOption),
    ...judgeLoss(move, accepted, byOption),
    ...judgeHazards(move.steps, accepted, byOption),
  ];
}

/** Batches that stopped half-way can only be gone on with here: what undoes them is planned with the whole installation. */
function judgeHalfDone({ steps }: SchemaMove, halfDone: UnfinishedBatches | null): Refusal[] {
  const [first] = steps;
  if (!halfDone || (first?.revision === halfDone.revision && first.direction === halfDone.direction)) return [];
  const { revision, direction, rowsDone } = halfDone;
  return [
    {
      path: "ledger",
      text:
        `the batches of revision '${revision}' stopped half-way going ${direction}, after ${rowsDone} rows. Go on with it: octollm ` +
        `migrate ${direction === "up" ? `upgrade ${revision}` : "downgrade -1"}; or have it undone: npx octollm up`,
    },
  ];
}

/** An upgrade of the installation that did not end has services stopped and more to do than its revisions. */
function judgeOpen(open: Attempt | null): Refusal[] {
  if (open?.scope !== "installation") return [];
  const { attempt, stack, host, fromVersion, toVersion, phase } = open;
  return [
    {
      path: "ledger",
      text:
        `attempt ${attempt} of stack '${stack}' on ${host} (${fromVersion} -> ${toVersion}) has not ended; its run died in ` +
        `${phase ?? "Preflight"}. Finish it first: npx octollm up, or npx octollm abort`,
    },
  ];
}
