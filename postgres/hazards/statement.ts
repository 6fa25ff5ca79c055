import type { DropStmt, Node, RangeVar, RenameStmt } from "libpg-query";

import { ledgerSchema } from "../ledger-schema";
import { hasOption, lockModes } from "../statement-locks";
import { alterTableRisks, newPartition } from "./alter-table";
import { hazardOnly, nameOf, nameParts, noRisks, risk, type Risks, together, work } from "./risks";
import type { HazardName } from "./table";

/**
 * What a statement costs, and what of it has to be allowed, after PostgreSQL's documentation. What functions and triggers
 * do is not seen; of DO blocks that is a hazard of its own.
 */
export function statementRisks(node: Node): Risks {
  const [kind] = Object.keys(node);
  for (const rules of [indexRules, tableRules, objectRules, rowRules]) {
    const rule = (rules as Record<string, ((node: never) => Risks) | undefined>)[kind ?? ""];
    if (rule) return rule(Object.values(node)[0] as never);
  }
  return noRisks;
}

type Variants<N> = N extends unknown ? { [K in keyof N & string]: N[K] } : never;
type ValueOf<K extends string> = Extract<Variants<Node>, Record<K, unknown>>[K];
type NodeKind = Node extends infer N ? (N extends unknown ? keyof N & string : never) : never;
type Rules = { readonly [K in NodeKind]?: (value: ValueOf<K>) => Risks };

const indexRules: Rules = {
  IndexStmt: ({ relation, concurrent }) =>
    each([relation], (table) =>
      concurrent ? work("builds", table) : risk("builds", "require-concurrent-index-creation", table),
    ),
  ReindexStmt: ({ relation, params }) => {
    if (hasOption(params, "concurrently")) return each([relation], (name) => work("builds", name));
    // Without a relation it is a schema's, or all of the database.
    if (!relation) return hazardOnly("require-concurrent-reindex", null);
    return each([relation], (name) => risk("builds", "require-concurrent-reindex", name));
  },
};

const tableRules: Rules = {
  CreateStmt: ({ inhRelations, partbound }) => (partbound ? eachNode(inhRelations, newPartition) : noRisks),
  AlterTableStmt: (statement) => alterTableRisks(statement),
  TruncateStmt: ({ relations, behavior }) =>
    eachNode(relations, (table) =>
      together([
        hazardOnly("ban-truncate", table),
        behavior === "DROP_CASCADE" ? hazardOnly("ban-truncate-cascade", table) : noRisks,
      ]),
    ),
  LockStmt: ({ relations, mode = 8 }) =>
    mode > lockModes.indexOf("SHARE") ? eachNode(relations, (table) => hazardOnly("locking-table", table)) : noRisks,
  VacuumStmt: ({ rels, options, is_vacuumcmd: isVacuum }) => {
    if (!isVacuum) return noRisks;
    const isFull = hasOption(options, "full");
    if (!rels?.length) return isFull ? hazardOnly("prefer-repack", null) : noRisks;
    const relations = rels.flatMap((rel) => ("VacuumRelation" in rel ? [rel.VacuumRelation.relation] : []));
    return each(relations, (table) => (isFull ? risk("rewrites", "prefer-repack", table) : work("scans", table)));
  },
  ClusterStmt: ({ relation }) =>
    relation
      ? each([relation], (table) => risk("rewrites", "prefer-repack", table))
      : hazardOnly("prefer-repack", null),
  RefreshMatViewStmt: ({ relation, concurrent }) =>
    each([relation], (view) =>
      concurrent ? work("scans", view) : risk("rewrites", "require-concurrent-refresh", view),
    ),
};

const objectRules: Rules = {
  DropStmt: (statement) => dropRisks(statement),
  RenameStmt: (statement) => renameRisks(statement),
  AlterObjectSchemaStmt: ({ relation }) => hazardOnly("ban-set-schema", nameOf(relation)),
  AlterEnumStmt: ({ oldVal }) => hazardOnly(oldVal ? "renaming-enum-value" : "ban-add-enum-value", null),
  AlterDomainStmt: ({ subtype, def }) => {
    const isLeftForLater = def !== undefined && "Constraint" in def && def.Constraint.skip_validation === true;
    const proves = (subtype === "C" && !isLeftForLater) || subtype === "O";
    return proves ? hazardOnly("ban-alter-domain-with-add-constraint", null) : noRisks;
  },
  GrantStmt: ({ is_grant: isGrant, objects }) => {
    const [object] = objects ?? [];
    const relation = object && "RangeVar" in object ? nameOf(object.RangeVar) : null;
    return isGrant ? noRisks : hazardOnly("ban-revoke", relation);
  },
  DoStmt: () => hazardOnly("ban-unseen-code", null),
  CallStmt: () => hazardOnly("ban-unseen-code", null),
};

const rowRules: Rules = {
  UpdateStmt: ({ relation }) => changed(relation),
  DeleteStmt: ({ relation }) => changed(relation),
  MergeStmt: ({ relation }) => changed(relation),
  InsertStmt: ({ relation, selectStmt }) => {
    const isList = selectStmt && "SelectStmt" in selectStmt && selectStmt.SelectStmt.valuesLists !== undefined;
    return selectStmt && !isList ? each([relation], (table) => work("changes", table)) : noRisks;
  },
};

/** The ledger's own tables are nobody else's. */
function changed(relation: RangeVar | undefined): Risks {
  return each([relation], (table) =>
    table.startsWith(`${ledgerSchema}.`)
      ? work("changes", table)
      : risk("changes", "backfilling-without-batches", table),
  );
}

function each(relations: readonly (RangeVar | undefined)[], rule: (name: string) => Risks): Risks {
  return together(
    relations.flatMap((relation) => {
      const name = nameOf(relation);
      return name === null ? [] : [rule(name)];
    }),
  );
}

function eachNode(nodes: readonly Node[] | undefined, rule: (name: string) => Risks): Risks {
  return each(
    (nodes ?? []).map((node) => ("RangeVar" in node ? node.RangeVar : undefined)),
    rule,
  );
}

const dropping: Readonly<Record<string, HazardName>> = {
  OBJECT_TABLE: "ban-drop-table",
  OBJECT_FOREIGN_TABLE: "ban-drop-table",
  OBJECT_VIEW: "ban-drop-view",
  OBJECT_MATVIEW: "ban-drop-view",
  OBJECT_SCHEMA: "ban-drop-schema",
};

function dropRisks({ objects, removeType = "OBJECT_TABLE", behavior, concurrent }: DropStmt): Risks {
  const name =
    removeType === "OBJECT_INDEX" && !concurrent ? "require-concurrent-index-deletion" : dropping[removeType];
  return together(
    (objects ?? []).map((object) => {
      const [relname, schemaname] = nameParts(object).toReversed();
      const relation = removeType === "OBJECT_SCHEMA" ? null : nameOf({ relname, ...(schemaname && { schemaname }) });
      return together([
        name ? hazardOnly(name, relation) : noRisks,
        behavior === "DROP_CASCADE" ? hazardOnly("ban-drop-cascade", relation) : noRisks,
      ]);
    }),
  );
}

const renaming: Readonly<Record<string, HazardName>> = {
  OBJECT_COLUMN: "renaming-column",
  OBJECT_TABLE: "renaming-table",
  OBJECT_FOREIGN_TABLE: "renaming-table",
  OBJECT_VIEW: "renaming-table",
  OBJECT_MATVIEW: "renaming-table",
  OBJECT_SCHEMA: "renaming-schema",
};

function renameRisks({ renameType = "OBJECT_ACCESS_METHOD", relation }: RenameStmt): Risks {
  const name = renaming[renameType];
  return name ? hazardOnly(name, nameOf(relation)) : noRisks;
}
