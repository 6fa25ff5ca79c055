import { isProven, workOf } from "../postgres/hazards/proven";
import { hazards } from "../postgres/hazards/table";
import { findRelation } from "../postgres/identifiers";
import { blockedBy } from "../postgres/statement-locks";
import type { TableColumns } from "../postgres/table-columns";
import type { Catalogue, Migration, Statement, StatementLock } from "../releases/release";
import { scriptOf } from "./chain";
import type { Plan, PlannedHazard, RevisionStep } from "./plan";
import type { ServerFacts } from "./world";

/** The steps of a plan and what they meet. */
export interface Circumstances {
  readonly server: ServerFacts;
  readonly catalogue: Catalogue;
  /** Whether everybody who would wait, or fail, meanwhile is stopped. */
  readonly stopped: boolean;
}

/**
 * The same steps, with the facts of each statement, and with the hazards that it has here. Tables that an earlier statement
 * of the same plan makes are nobody else's yet. The way down is judged by what it loses, and has no hazards.
 */
export function withStatementFacts(steps: readonly RevisionStep[], around: Circumstances): RevisionStep[] {
  const made = new Set<string>();
  return steps.map((step) => {
    const migration = around.catalogue.chain.find(({ revision }) => revision === step.revision);
    const statements = (migration && scriptOf(step, migration))?.statements ?? [];
    const facts: string[] = [];
    const found: PlannedHazard[] = [];
    for (const statement of statements) {
      facts.push(...describeStatement(statement, around.server));
      if (migration && step.direction === "up") found.push(...judge(statement, migration, made, around));
      for (const relation of statement.fresh) if (!relationOf(relation, around.server)) made.add(relation);
    }
    return { ...step, facts, hazards: found };
  });
}

function relationOf(name: string, { relations, searchPath }: ServerFacts) {
  return findRelation(name, relations, searchPath);
}

/** What is known of the table of that name. */
export function tableOf({ columns, searchPath }: ServerFacts): (name: string) => TableColumns | undefined {
  return (name) => findRelation(name, columns, searchPath);
}

function describeStatement(statement: Statement, server: ServerFacts): string[] {
  const work = workOf(statement, tableOf(server));
  const locked = statement.locks
    .flatMap((lock) => withTable(lock, server))
    .map((lock) => {
      const own = work.filter(({ relation }) => relation === lock.relation).map(({ kind }) => doing[kind]);
      return `line ${statement.line}: ${lock.relation} ${lock.mode}: ${[describeBlocking(lock), ...new Set(own)].join(", ")}`;
    });
  return [...new Set(locked)];
}

/** The lock, and after that of an index the one of its table. */
function withTable(lock: StatementLock, { indexes, searchPath }: ServerFacts): StatementLock[] {
  const table = lock.ofTable === undefined ? undefined : findRelation(lock.relation, indexes, searchPath)?.table;
  return [lock, ...(table === undefined || !lock.ofTable ? [] : [{ ...lock, relation: table, mode: lock.ofTable }])];
}

const doing = {
  rewrites: "rewrites the table",
  builds: "builds an index",
  scans: "reads every row",
  changes: "changes rows",
};

function describeBlocking({ mode }: StatementLock): string {
  const { reads, writes } = blockedBy(mode);
  if (reads) return "blocks reads and writes";
  return writes ? "blocks writes" : "blocks nobody";
}

function judge(
  statement: Statement,
  { file }: Migration,
  made: ReadonlySet<string>,
  { server, stopped }: Circumstances,
): PlannedHazard[] {
  const facts = tableOf(server);
  const isGone = (name: string) =>
    statement.needs.some(({ relation, optional }) => relation === name && optional) && !relationOf(name, server);
  const real = statement.hazards.filter(({ hazard, relation, unless }) => {
    if (stopped && hazards[hazard].effect === "blocks") return false;
    if (relation === null) return true;
    return !made.has(relation) && !isGone(relation) && !isProven(unless, facts(relation));
  });
  const found = new Map(
    real.map(({ hazard, relation }): [string, PlannedHazard] => {
      const waived = statement.waivers.find((waiver) => waiver.hazard === hazard)?.reason ?? null;
      return [`${hazard} ${relation}`, { hazard, place: `${file}:${statement.line}`, relation, waived }];
    }),
  );
  return [...found.values()];
}

/** The relations that the steps of a plan lock, as the database has them. */
export function touchedRelations<T extends { readonly schema: string; readonly name: string }>(
  { revisions }: Pick<Plan, "revisions">,
  { relations, searchPath }: { readonly relations: readonly T[]; readonly searchPath: readonly string[] },
  catalogue: Catalogue,
): T[] {
  const locks = [...revisions.pre, ...revisions.post].flatMap(
    ({ revision, direction }) =>
      catalogue.chain
        .find((migration) => migration.revision === revision)
        ?.[direction]?.statements.flatMap((statement) => statement.locks) ?? [],
  );
  const found = locks.map(({ relation }) => findRelation(relation, relations, searchPath));
  return [...new Set(found)].filter((relation) => relation !== undefined);
}
