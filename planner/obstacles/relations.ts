import { findRelation, quoteIdentifier, relationName } from "../../postgres/identifiers";
import type { Catalogue, Migration, Statement, StatementNeed } from "../../releases/release";
import { scriptOf } from "../chain";
import type { Plan } from "../plan";
import type { Refusal } from "../refusals";
import type { ServerFacts, World } from "../world";

/** Schemas whose relations nobody has to bring. */
const notTheirs = /^(?:octollm_upgrade|pg_catalog|information_schema|pg_temp)\./;

/** What the pending SQL and the backup need of the relations that are there. */
export function judgeRelations(
  plan: Pick<Plan, "revisions" | "backup">,
  { server, database }: Pick<World, "server" | "database">,
  catalogue: Catalogue,
): Refusal[] {
  const refusals = new Map<string, Refusal>();
  const made = new Set<string>();
  for (const step of [...plan.revisions.pre, ...plan.revisions.post]) {
    const migration = catalogue.chain.find(({ revision }) => revision === step.revision);
    for (const statement of (migration && scriptOf(step, migration))?.statements ?? []) {
      for (const text of faultsOf(statement, server, made)) {
        const path = placeOf(migration, statement);
        refusals.set(`${path} ${text}`, { path, text: `${text} (in database '${database}')` });
      }
      for (const relation of statement.creates) made.add(relation);
    }
  }
  return [...refusals.values(), ...judgeBackup(plan, server)];
}

function placeOf(migration: Migration | undefined, { line }: Statement): string {
  return `${migration?.file ?? "?"}:${line}`;
}

function faultsOf(statement: Statement, server: ServerFacts, made: ReadonlySet<string>): string[] {
  const needs = statement.needs.filter(({ relation }) => !made.has(relation) && !notTheirs.test(relation));
  return [...needs.flatMap((need) => judgeNeed(need, server)), ...judgeCreation(statement, server)];
}

function judgeNeed(need: StatementNeed, server: ServerFacts): string[] {
  const { relation: name, kinds, right, optional } = need;
  const relation = findRelation(name, server.relations, server.searchPath);
  if (!relation) return optional ? [] : [`needs relation ${name}, which is not there`];
  if (kinds.length > 0 && !kinds.includes(relation.kind))
    return [`needs ${name} to be a ${kinds[0]}, and it is a ${relation.kind}`];
  const { user } = server;
  if (right === "own" && !relation.owned)
    return [`only the owner may do this to ${name}, which belongs to '${relation.owner}', not '${user}'`];
  if (right === "write" && !relation.writable)
    return [`role '${user}' may not change rows of ${name}, which belongs to '${relation.owner}'`];
  if (right === "read" && !relation.readable)
    return [`role '${user}' may not read ${name}, which belongs to '${relation.owner}'`];
  return [];
}

function judgeCreation({ creates }: Statement, { createsIn, searchPath, user }: ServerFacts): string[] {
  const allowed = new Set(createsIn.map(quoteIdentifier));
  return creates.flatMap((name) => {
    const [schema, rest] = splitName(name);
    const into = rest === undefined ? quoteIdentifier(searchPath[0] ?? "public") : schema;
    return allowed.has(into)
      ? []
      : [`role '${user}' may not make ${name}. As the schema's owner: GRANT CREATE ON SCHEMA ${into} TO ${user}`];
  });
}

/** `"a.b".c` is c in "a.b". */
function splitName(name: string): [first: string, rest: string | undefined] {
  const [, first = name, rest] = /^("(?:[^"]|"")*"|[^".]+)\.(.+)$/.exec(name) ?? [];
  return [first, rest];
}

function judgeBackup({ backup }: Pick<Plan, "backup">, { relations, user }: ServerFacts): Refusal[] {
  const unreadable = relations.filter(({ kind, readable }) => !readable && kind !== "view");
  if (!backup.required || unreadable.length === 0) return [];
  const names = unreadable.map(relationName);
  const shown = names.length > 5 ? [...names.slice(0, 5), `${names.length - 5} more`] : names;
  return [
    {
      path: "backup",
      text:
        `role '${user}' may not read ${shown.join(", ")}, so that no backup of the whole database can be made. As the ` +
        `owner: GRANT SELECT ON ${names[0]} TO ${user}`,
    },
  ];
}
