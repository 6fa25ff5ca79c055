import { estimateSeconds } from "../planner/estimates";
import type { Plan, RevisionStep } from "../planner/plan";
import { tableOf, touchedRelations } from "../planner/statement-facts";
import { row } from "../planner/summary";
import type { RelationFacts } from "../postgres/facts";
import { workOf } from "../postgres/hazards/proven";
import { findRelation, relationName } from "../postgres/identifiers";
import { heaviest, type Measure } from "../postgres/measures";
import type { Statement, WorkKind } from "../releases/release";
import type { Observation } from "./observe";

interface Seen extends Pick<Observation, "database" | "catalogue" | "measures"> {
  readonly world: Pick<Observation["world"], "server">;
}

/**
 * How much the plan's revisions work on, a line for each table, and how long each statement is likely to take. All of it
 * moves by itself, so it is told and not kept.
 */
export function describeEstimates(plan: Pick<Plan, "revisions">, seen: Seen): string[] {
  const touches = touchedRelations(plan, seen.database, seen.catalogue).flatMap((relation) =>
    row("touches", `${relationName(relation)}: ${describeSize(relation)}`),
  );
  const steps = [...plan.revisions.pre, ...plan.revisions.post];
  const takes = steps.flatMap((step) => describeStep(step, seen));
  if (takes.length === 0) return touches;
  if (takes.every(({ seconds }) => seconds === null))
    return [...touches, ...row("takes", "unknown: nothing like it was measured here yet")];
  return [...touches, ...takes.flatMap(({ text }) => row("takes", text))];
}

function describeSize({ estimatedRows, bytes }: RelationFacts): string {
  const rows = estimatedRows === null ? "rows unknown (never analyzed)" : `~${estimatedRows.toLocaleString("en")} rows`;
  return `${rows}, ~${(bytes / 1e6).toFixed(1)} MB with indexes`;
}

interface Taking {
  readonly text: string;
  readonly seconds: number | null;
}

function describeStep(step: RevisionStep, seen: Seen): Taking[] {
  const migration = seen.catalogue.chain.find(({ revision }) => revision === step.revision);
  return (migration?.[step.direction]?.statements ?? []).flatMap((statement, index) =>
    describeStatement(step, { statement, number: index + 1 }, seen),
  );
}

const doing: Readonly<Record<WorkKind, string>> = {
  rewrites: "rewrites",
  builds: "builds an index of",
  scans: "reads",
  changes: "changes",
};

function describeStatement(
  { revision, direction }: RevisionStep,
  { statement, number }: { readonly statement: Statement; readonly number: number },
  { world, database, measures }: Seen,
): Taking[] {
  const work = heaviest(workOf(statement, tableOf(world.server)));
  const relation = work && findRelation(work.relation, database.relations, database.searchPath);
  if (!work || !relation) return [];
  const now: Pick<Measure, "revision" | "direction" | "statement" | "work" | "bytes"> = {
    revision,
    direction,
    statement: number,
    work: work.kind,
    bytes: relation.bytes,
  };
  const estimate = estimateSeconds(now, measures);
  const time = estimate ? `${seconds(estimate.seconds)} ${estimate.source}` : "not measured yet";
  const text = `${revision} line ${statement.line} ${doing[work.kind]} ${work.relation}: ${time}`;
  return [{ text, seconds: estimate?.seconds ?? null }];
}

function seconds(value: number): string {
  if (value < 0.1) return "<0.1 s";
  if (value < 10) return `~${value.toFixed(1)} s`;
  return value < 120 ? `~${Math.round(value)} s` : `~${Math.round(value / 60)} min`;
}
