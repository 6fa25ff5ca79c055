import type { Node, RangeVar } from "libpg-query";

import type { SafeWhen, StatementHazard, StatementWork, WorkKind } from "../../releases/release";
import { lockOf } from "../statement-locks";
import type { HazardName } from "./table";

/** What a statement costs the longer the more rows there are, and what has to be allowed. */
export interface Risks {
  readonly work: readonly StatementWork[];
  readonly hazards: readonly StatementHazard[];
}

export const noRisks: Risks = { work: [], hazards: [] };

export function hazard(
  name: HazardName,
  relation: string | null,
  unless: readonly (SafeWhen | null)[] = [],
): StatementHazard {
  return { hazard: name, relation, unless: unless.filter((condition) => condition !== null) };
}

/** Work on a relation that also is a hazard, under the same conditions. */
export function risk(
  kind: WorkKind,
  name: HazardName,
  relation: string,
  unless: readonly (SafeWhen | null)[] = [],
): Risks {
  return { ...work(kind, relation, unless), hazards: [hazard(name, relation, unless)] };
}

/** Work that harms nobody. */
export function work(kind: WorkKind, relation: string, unless: readonly (SafeWhen | null)[] = []): Risks {
  return { work: [{ kind, relation, unless: unless.filter((condition) => condition !== null) }], hazards: [] };
}

export function hazardOnly(name: HazardName, relation: string | null): Risks {
  return { work: [], hazards: [hazard(name, relation)] };
}

export function together(risks: readonly Risks[]): Risks {
  return { work: risks.flatMap((one) => one.work), hazards: risks.flatMap((one) => one.hazards) };
}

/** A relation's name as the locks have it; null when there is none. */
export function nameOf(relation: RangeVar | undefined): string | null {
  return lockOf(relation, "ACCESS SHARE")[0]?.relation ?? null;
}

/** The parts of a name, or of a list of names. */
export function nameParts(object: Node | undefined): string[] {
  const items = !object ? [] : "List" in object ? (object.List.items ?? []) : [object];
  return items.flatMap((item) => ("String" in item ? [item.String.sval ?? ""] : []));
}
