import type { SafeWhen, Statement, StatementWork } from "../../releases/release";
import type { TableColumns } from "../table-columns";
import { storesAlike } from "./column-types";

/** Whether the catalogue proves one of these conditions; of a table that nothing is known of, none. */
export function isProven(conditions: readonly SafeWhen[], table: TableColumns | undefined): boolean {
  return table !== undefined && conditions.some((condition) => holds(condition, table));
}

/** What a table is known to be; undefined for one of which nothing is known. */
export type TableOf = (relation: string) => TableColumns | undefined;

/** The work that a statement really has, as far as the catalogue tells. A table written anew is not read once more. */
export function workOf({ work }: Pick<Statement, "work">, tableOf: TableOf): StatementWork[] {
  const real = work.filter(({ relation, unless }) => !isProven(unless, tableOf(relation)));
  const rewritten = new Set(real.filter(({ kind }) => kind === "rewrites").map(({ relation }) => relation));
  return real.filter(({ kind, relation }) => kind === "rewrites" || !rewritten.has(relation));
}

function holds(condition: SafeWhen, { columns, indexes, domains, defaultPartition }: TableColumns): boolean {
  const find = (name: string) => columns.find((column) => column.name === name);
  const hasNoNulls = (names: readonly string[]) => names.length > 0 && names.every((name) => find(name)?.hasNoNulls);
  switch (condition.kind) {
    case "same-storage": {
      const column = find(condition.column);
      return column !== undefined && storesAlike(column.type, condition.type);
    }
    case "unchecked":
      return find(condition.column)?.isChecked === false;
    case "no-nulls":
      return hasNoNulls(condition.columns);
    case "no-nulls-in":
      return hasNoNulls(indexes.find((index) => index.name === condition.index)?.columns ?? []);
    case "no-constrained-domain":
      return !domains.includes(condition.type);
    case "no-default-partition":
      return defaultPartition === null;
  }
}
