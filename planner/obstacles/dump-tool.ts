import type { Plan } from "../plan";
import type { Refusal } from "../refusals";
import type { World } from "../world";

/** Without fit tools backup and restore would fail, with the services stopped already. */
export function judgeDumpTool(
  { backup, restore }: Pick<Plan, "backup" | "restore">,
  { dumpTool }: Pick<World, "dumpTool">,
): Refusal[] {
  const isNeeded = backup.required || restore.way === "swap" || restore.way === "replace";
  return isNeeded && "fault" in dumpTool ? [{ path: "backup", text: dumpTool.fault }] : [];
}
