import type { Node } from "libpg-query";

import type { StatementLock, StatementNeed } from "../releases/release";
import { lockOf } from "./statement-locks";

type Kinds = StatementNeed["kinds"];

const tables: Kinds = ["table", "partitioned table"];

/** What a statement needs to be there, and what is there once it has run. */
export interface StatementObjects {
  readonly needs: readonly StatementNeed[];
  /** Relations and indexes that it makes, named as in `needs`. */
  readonly creates: readonly string[];
  /** Of these, what is new and not only renamed. */
  readonly fresh: readonly string[];
}

/**
 * The relations that a statement needs, of which kind, and with which right; and those that it makes. As far as its
 * locks tell: what functions, DO blocks and triggers touch is not seen. Indexes and sequences are left out.
 *
 * @param locks - of this statement
 */
export function statementObjects(node: Node, locks: readonly StatementLock[]): StatementObjects {
  const facts = factsOf(node);
  const made = new Set(facts.creates);
  const needs = locks
    .filter(({ relation }) => !facts.ignores.has(relation) && !made.has(relation))
    .map(({ relation, mode }): StatementNeed => {
      // What a foreign key or a partition refers to may be of any kind, and of another owner.
      const isSubject = facts.subjects === null || facts.subjects.includes(relation);
      const right = isSubject && !("LockStmt" in node) ? rightFor(mode) : "read";
      return { relation, right, kinds: isSubject ? facts.kinds : [], optional: facts.optional };
    });
  return { needs, creates: facts.creates, fresh: "RenameStmt" in node ? [] : facts.creates };
}

/** Commands that take a strong lock are for the owner; those that touch rows need the privilege for that. */
function rightFor(mode: string): StatementNeed["right"] {
  if (mode === "ACCESS SHARE" || mode === "ROW SHARE") return "read";
  return mode === "ROW EXCLUSIVE" ? "write" : "own";
}

interface Facts {
  /** Kinds that the subjects may be of; empty for any. */
  readonly kinds: Kinds;
  /** What the command is about, where it locks other relations besides; null for all that it locks. */
  readonly subjects: readonly string[] | null;
  /** IF EXISTS. */
  readonly optional: boolean;
  readonly creates: readonly string[];
  /** Indexes and sequences, which are no relations to look for. */
  readonly ignores: ReadonlySet<string>;
}

const nothing: Facts = { kinds: [], subjects: null, optional: false, creates: [], ignores: new Set() };

function nameOf(relation: Parameters<typeof lockOf>[0]): string[] {
  return lockOf(relation, "ACCESS SHARE").map((lock) => lock.relation);
}

function factsOf(node: Node): Facts {
  if ("AlterTableStmt" in node) {
    const { relation, objtype = "OBJECT_TABLE", missing_ok: optional = false } = node.AlterTableStmt;
    return { ...forObject(objtype, nameOf(relation)), subjects: nameOf(relation), optional };
  }
  if ("RenameStmt" in node) {
    const {
      relation,
      renameType = "OBJECT_TABLE",
      relationType,
      newname,
      missing_ok: optional = false,
    } = node.RenameStmt;
    const isRelation = renameType !== "OBJECT_COLUMN" && renameType !== "OBJECT_TABCONSTRAINT";
    const creates = isRelation && newname ? nameOf({ ...relation, relname: newname }) : [];
    return {
      ...forObject(isRelation ? renameType : (relationType ?? "OBJECT_TABLE"), nameOf(relation)),
      optional,
      creates,
    };
  }
  if ("DropStmt" in node) {
    const { removeType = "OBJECT_TABLE", missing_ok: optional = false } = node.DropStmt;
    return { ...forObject(removeType, dropped(node)), optional };
  }
  if ("IndexStmt" in node) {
    const { relation, idxname: relname = "index" } = node.IndexStmt;
    return { ...nothing, kinds: [...tables, "materialized view"], creates: nameOf({ ...relation, relname }) };
  }
  if ("ReindexStmt" in node && node.ReindexStmt.kind === "REINDEX_OBJECT_INDEX")
    return { ...nothing, ignores: new Set(nameOf(node.ReindexStmt.relation)) };
  if ("CreatePolicyStmt" in node) return { ...nothing, kinds: tables };
  if ("RefreshMatViewStmt" in node) return { ...nothing, kinds: ["materialized view"] };
  if ("AlterSeqStmt" in node) return { ...nothing, ignores: new Set(nameOf(node.AlterSeqStmt.sequence)) };
  const creates = madeBy(node);
  return { ...nothing, creates, subjects: "CreateStmt" in node ? creates : null };
}

const kindsOfObjects: Readonly<Record<string, Kinds>> = {
  OBJECT_TABLE: [...tables, "foreign table"],
  OBJECT_VIEW: ["view"],
  OBJECT_MATVIEW: ["materialized view"],
  OBJECT_FOREIGN_TABLE: ["foreign table"],
};

function forObject(object: string, names: readonly string[]): Facts {
  const isNoRelation = object === "OBJECT_INDEX" || object === "OBJECT_SEQUENCE" || object === "OBJECT_TYPE";
  return { ...nothing, kinds: kindsOfObjects[object] ?? [], ignores: new Set(isNoRelation ? names : []) };
}

function dropped(node: Node): string[] {
  if (!("DropStmt" in node)) return [];
  return (node.DropStmt.objects ?? []).flatMap((object) => {
    const items = "List" in object ? (object.List.items ?? []) : [object];
    const parts = items.flatMap((item) => ("String" in item ? [item.String.sval ?? ""] : []));
    const [relname = "", schemaname] = parts.toReversed();
    return nameOf({ relname, ...(schemaname === undefined ? {} : { schemaname }) });
  });
}

function madeBy(node: Node): string[] {
  if ("CreateStmt" in node) return nameOf(node.CreateStmt.relation);
  if ("ViewStmt" in node) return nameOf(node.ViewStmt.view);
  if ("CreateTableAsStmt" in node) return nameOf(node.CreateTableAsStmt.into?.rel);
  return [];
}
