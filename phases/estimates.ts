import type { Plan } from "../planner/plan";
import { touchedRelations } from "../planner/statement-facts";
import { row } from "../planner/summary";
import type { Observation } from "./observe";

/** How much the plan's revisions work on, a line for each table; it moves by itself, so it is told and not kept. */
export function describeTouched(
  plan: Plan,
  { database, catalogue }: Pick<Observation, "database" | "catalogue">,
): string[] {
  return touchedRelations(plan, database, catalogue).flatMap(({ name, estimatedRows, bytes }) => {
    const rows =
      estimatedRows === null ? "rows unknown (never analyzed)" : `~${estimatedRows.toLocaleString("en")} rows`;
    return row("touches", `${name}: ${rows}, ~${(bytes / 1e6).toFixed(1)} MB with indexes`);
  });
}
