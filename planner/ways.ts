import type { BatchedScript, Catalogue, Migration } from "../releases/release";
import type { RevisionStep } from "./plan";
import type { TableFacts } from "./tables";

/** How a step is done, with the reasons; `fault` says why it cannot be done at all. */
export interface Way {
  readonly name: "whole" | "batched";
  readonly why: readonly string[];
  readonly fault: string | null;
}

const onlyWay: Way = { name: "whole", why: [], fault: null };

/**
 * Chooses between a revision's plain section, as a rule one rewrite, and its batched one. Batches are slower and leave
 * bloat, so they are taken only where the catalogue has something that a rewrite would break or leave behind.
 *
 * @param migration - the revision
 * @param direction - up or down
 * @param tables - what is known of the tables of all batched sections
 */
export function chooseWay(migration: Migration, direction: "up" | "down", tables: readonly TableFacts[]): Way {
  const batched = direction === "up" ? migration.upBatched : migration.downBatched;
  if (!batched) return onlyWay;
  const facts = tables.find(({ relation }) => relation === batched.relation);
  const hindrances = facts ? hindrancesOf(batched, facts) : [];
  if (batched.only)
    return { name: "batched", why: ["batched: the migration has no other way"], fault: hindrances[0] ?? null };
  if (!facts) return { name: "whole", why: [`one go: there is no table ${batched.relation} yet`], fault: null };
  const touching = facts.dependents.filter(({ column }) => column === null || batched.columns.includes(column));
  const reasons = touching.filter(({ effect }) => effect !== "forbids-batches");
  const texts = [...new Set(reasons.map(({ text }) => text))];
  if (texts.length === 0)
    return {
      name: "whole",
      why: [`one go: nothing depends on ${nameColumns(batched)}, and no bloat is left`],
      fault: null,
    };
  if (hindrances.length === 0) return { name: "batched", why: texts.map((text) => `batched: ${text}`), fault: null };
  const forbidden = reasons.find(({ effect }) => effect === "forbids-rewrite");
  return {
    name: "whole",
    why: [...texts.map((text) => `one go, although ${text}`), ...hindrances.map((text) => `no batches: ${text}`)],
    fault: forbidden
      ? `it cannot be done in one go (${forbidden.text}), nor in batches (${hindrances.join("; ")})`
      : null,
  };
}

function nameColumns({ relation, columns }: BatchedScript): string {
  return columns.length === 0 ? relation : columns.map((column) => `${relation}.${column}`).join(", ");
}

/** Why rows cannot be taken in batches. */
function hindrancesOf({ relation, columns }: BatchedScript, { key, dependents }: TableFacts): string[] {
  const moved = (key ?? []).filter((column) => columns.includes(column));
  return [
    ...(key === null ? [`${relation} has no primary key and no unique index without nulls`] : []),
    ...moved.map((column) => `${relation}.${column}, which they change, belongs to the key that they go by`),
    ...dependents.filter(({ effect }) => effect === "forbids-batches").map(({ text }) => text),
  ];
}

/** The tables that batched sections of a catalogue are about. */
export function batchedRelations({ chain }: Catalogue): string[] {
  const scripts = chain.flatMap(({ upBatched, downBatched }) => [upBatched, downBatched]);
  return [...new Set(scripts.flatMap((script) => (script ? [script.relation] : [])))];
}

/** The step done that way. */
export function inThisWay(step: RevisionStep, migration: Migration, way: Way): RevisionStep {
  const batched = step.direction === "up" ? migration.upBatched : migration.downBatched;
  if (way.name === "whole" || !batched) return { ...step, why: way.why };
  return { ...step, transaction: "batched", why: way.why, line: batched.firstLine, sql: batched.sql };
}
