import type { Plan } from "../plan";
import type { Refusal } from "../refusals";
import type { World } from "../world";

/** Without a fit pg_dump the backup would fail, with the services stopped already. */
export function judgeDumpTool({ backup }: Pick<Plan, "backup">, { dumpTool }: Pick<World, "dumpTool">): Refusal[] {
  return backup.required && "fault" in dumpTool ? [{ path: "backup", text: dumpTool.fault }] : [];
}
