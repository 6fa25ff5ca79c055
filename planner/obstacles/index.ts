import type { Catalogue } from "../../releases/release";
import type { Plan } from "../plan";
import type { Refusal } from "../refusals";
import type { Goal, World } from "../world";
import { judgeCluster } from "./cluster";
import { judgeContainers } from "./containers";
import { judgeBackupRoom, judgeRestoreRoom, judgeRewriteRoom } from "./disk";
import { judgeDumpTool } from "./dump-tool";
import { judgeEnvironment } from "./environment";
import { judgePorts } from "./ports";
import { judgeRelations } from "./relations";
import { judgeReplica, judgeServer } from "./server";
import { judgeVolumes } from "./volumes";
import { judgeWays } from "./ways";

/** Everything that stands in the way of a plan, found before anything is touched. */
export function obstacles(plan: Plan, world: World, goal: Goal, catalogue: Catalogue): Refusal[] {
  return [
    ...judgeServer(plan, world),
    ...judgeWays(plan, world, catalogue),
    ...judgeRelations(plan, world, catalogue),
    ...judgeEnvironment(plan, world, catalogue),
    ...judgePorts(world),
    ...judgeContainers(plan, world),
    ...judgeVolumes(plan, world),
    ...judgeCluster(plan, world, goal, catalogue),
    ...judgeDumpTool(plan, world),
    ...judgeBackupRoom(plan, world),
    ...judgeRewriteRoom(plan, world, catalogue),
  ];
}

/**
 * The same for a restore: what the database holds, and whether it can be read, does not matter to it.
 *
 * @param databaseBytes - what the backup's database took on its server's disk
 */
export function restoreObstacles(
  plan: Plan,
  world: World,
  {
    goal,
    catalogue,
    databaseBytes,
  }: { readonly goal: Goal; readonly catalogue: Catalogue; readonly databaseBytes: number },
): Refusal[] {
  return [
    ...(world.restore.damage === null ? judgeServer(plan, world) : judgeReplica(world)),
    ...judgePorts(world),
    ...judgeContainers(plan, world),
    ...judgeVolumes(plan, world),
    ...judgeCluster(plan, world, goal, catalogue),
    ...judgeDumpTool(plan, world),
    ...judgeBackupRoom(plan, world),
    ...judgeRestoreRoom(plan, world, databaseBytes),
  ];
}
