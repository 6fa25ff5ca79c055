import type { AlterTableCmd, AlterTableStmt, AlterTableType, ColumnDef, Constraint, Node } from "libpg-query";

import { addedColumnRewrites, columnTypeName, isSerial } from "../alter-table-locks";
import { isBuiltIn, sameStorage } from "./column-types";
import { hazardOnly, nameOf, noRisks, risk, type Risks, together, work } from "./risks";

/** Risks of ALTER TABLE: those of each of its forms. */
export function alterTableRisks({ relation, cmds }: AlterTableStmt): Risks {
  const name = nameOf(relation);
  if (name === null) return noRisks;
  return together(
    (cmds ?? []).flatMap((node) => ("AlterTableCmd" in node ? [formRisks(name, node.AlterTableCmd)] : [])),
  );
}

type Rule = (table: string, command: AlterTableCmd) => Risks;

const storage: Rule = (table) => risk("rewrites", "changing-table-storage", table);
const disabling: Rule = (table) => hazardOnly("ban-disable-trigger", table);

const rules: Partial<Record<AlterTableType, Rule>> = {
  AT_AddColumn: (table, { def }) => (def && "ColumnDef" in def ? addedColumn(table, def.ColumnDef) : noRisks),
  AT_DropColumn: (table, command) => together([hazardOnly("ban-drop-column", table), cascade(table, command)]),
  AT_DropConstraint: (table, command) => cascade(table, command),
  AT_AlterColumnType: (table, { name = "", def }) =>
    def && "ColumnDef" in def ? changedType(table, name, def.ColumnDef) : noRisks,
  AT_SetExpression: (table) => risk("rewrites", "ban-alter-generated-expression", table),
  AT_SetNotNull: (table, { name = "" }) => notNull(table, name),
  AT_DropNotNull: (table) => hazardOnly("ban-drop-not-null", table),
  AT_AddConstraint: (table, { def }) => (def && "Constraint" in def ? addedConstraint(table, def.Constraint) : noRisks),
  AT_ValidateConstraint: (table) => work("scans", table),
  AT_SetLogged: storage,
  AT_SetUnLogged: storage,
  AT_SetAccessMethod: storage,
  AT_SetTableSpace: storage,
  AT_AttachPartition: (table, command) => together([partition(command, "attaching-partition"), newPartition(table)]),
  AT_DetachPartition: (_table, command) => partition(command, "require-concurrent-partition-detach"),
  AT_EnableRowSecurity: (table) => hazardOnly("enabling-row-security", table),
  AT_ForceRowSecurity: (table) => hazardOnly("enabling-row-security", table),
  AT_DisableTrig: disabling,
  AT_DisableTrigAll: disabling,
  AT_DisableTrigUser: disabling,
};

function formRisks(table: string, command: AlterTableCmd): Risks {
  const rule = command.subtype && rules[command.subtype];
  return rule ? rule(table, command) : noRisks;
}

function cascade(table: string, { behavior }: AlterTableCmd): Risks {
  return behavior === "DROP_CASCADE" ? hazardOnly("ban-drop-cascade", table) : noRisks;
}

function changedType(table: string, column: string, def: ColumnDef): Risks {
  return together([
    risk("rewrites", "changing-column-type", table, [sameStorage(column, def)]),
    risk("scans", "changing-column-type", table, [{ kind: "unchecked", column }]),
  ]);
}

function notNull(table: string, column: string): Risks {
  return risk("scans", "adding-not-nullable-field", table, [{ kind: "no-nulls", columns: [column] }]);
}

function partition({ def }: AlterTableCmd, name: "attaching-partition" | "require-concurrent-partition-detach"): Risks {
  const command = def && "PartitionCmd" in def ? def.PartitionCmd : undefined;
  const relation = nameOf(command?.name);
  if (relation === null || command?.concurrent) return noRisks;
  return name === "attaching-partition" ? risk("scans", name, relation) : hazardOnly(name, relation);
}

/** One more partition of a table: rows of it must not be in the default partition. */
export function newPartition(table: string): Risks {
  return risk("scans", "attaching-partition", table, [{ kind: "no-default-partition" }]);
}

/** What a table constraint costs when it is added to a table that has rows. */
function addedConstraint(table: string, constraint: Constraint): Risks {
  const { contype, skip_validation: isLeftForLater, is_enforced: enforced = true } = constraint;
  switch (contype) {
    case "CONSTR_CHECK":
      return isLeftForLater || !enforced ? noRisks : risk("scans", "constraint-missing-not-valid", table);
    case "CONSTR_FOREIGN":
      return isLeftForLater ? noRisks : risk("scans", "adding-foreign-key-constraint", table);
    case "CONSTR_NOTNULL":
      return isLeftForLater ? noRisks : notNull(table, columnsOf(constraint.keys)[0] ?? "");
    case "CONSTR_PRIMARY":
      return primaryKey(table, constraint);
    case "CONSTR_UNIQUE":
      return constraint.indexname ? noRisks : risk("builds", "disallowed-unique-constraint", table);
    case "CONSTR_EXCLUSION":
      return risk("builds", "adding-exclusion-constraint", table);
    default:
      return noRisks;
  }
}

function primaryKey(table: string, { indexname: index, keys }: Constraint): Risks {
  if (index) return risk("scans", "adding-primary-key-constraint", table, [{ kind: "no-nulls-in", index }]);
  const scan = work("scans", table, [{ kind: "no-nulls", columns: columnsOf(keys) }]);
  return together([risk("builds", "adding-primary-key-constraint", table), scan]);
}

function columnsOf(keys: readonly Node[] | undefined): string[] {
  return (keys ?? []).flatMap((key) => ("String" in key ? [key.String.sval ?? ""] : []));
}

function addedColumn(table: string, column: ColumnDef): Risks {
  const constraints = (column.constraints ?? []).flatMap((node) => ("Constraint" in node ? [node.Constraint] : []));
  const has = (type: Constraint["contype"]) => constraints.some(({ contype }) => contype === type);
  const hasDefault = constraints.some(({ contype, raw_expr }) => contype === "CONSTR_DEFAULT" && !isNull(raw_expr));
  const isFilled = hasDefault || has("CONSTR_IDENTITY") || has("CONSTR_GENERATED") || isSerial(column);
  const isRequired = (has("CONSTR_NOTNULL") || has("CONSTR_PRIMARY")) && !isFilled;
  return together([
    addedColumnRewrites(column) ? risk("rewrites", fillingHazard(column, has("CONSTR_GENERATED")), table) : noRisks,
    isBuiltIn(column)
      ? noRisks
      : risk("rewrites", "adding-constrained-domain-field", table, [
          { kind: "no-constrained-domain", type: columnTypeName(column) },
        ]),
    isRequired ? hazardOnly("adding-required-field", table) : noRisks,
    columnTypeName(column) === "json" ? hazardOnly("prefer-jsonb", table) : noRisks,
    ...constraints.map((constraint) => columnConstraint(table, constraint, isFilled)),
  ]);
}

function fillingHazard(column: ColumnDef, isGenerated: boolean) {
  if (isGenerated) return "adding-stored-generated-field";
  const isNumbered = (column.constraints ?? []).some(
    (node) => "Constraint" in node && node.Constraint.contype === "CONSTR_IDENTITY",
  );
  return isSerial(column) || isNumbered ? "adding-auto-incrementing-field" : "adding-field-with-default";
}

/** A constraint of a new column: without a value in it there is nothing that a foreign key would have to look up. */
function columnConstraint(table: string, constraint: Constraint, isFilled: boolean): Risks {
  switch (constraint.contype) {
    case "CONSTR_FOREIGN":
      return isFilled ? risk("scans", "adding-foreign-key-constraint", table) : noRisks;
    case "CONSTR_PRIMARY":
      return risk("builds", "adding-primary-key-constraint", table);
    case "CONSTR_CHECK":
    case "CONSTR_UNIQUE":
      return addedConstraint(table, constraint);
    default:
      return noRisks;
  }
}

function isNull(node: Node | undefined): boolean {
  if (!node) return true;
  if ("TypeCast" in node) return isNull(node.TypeCast.arg);
  return "A_Const" in node && (node.A_Const as { isnull?: boolean }).isnull === true;
}
