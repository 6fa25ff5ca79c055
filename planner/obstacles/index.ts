import type { Catalogue } from "../../releases/release";
import type { Plan } from "../plan";
import type { Refusal } from "../refusals";
import type { World } from "../world";
import { judgeDisk } from "./disk";
import { judgeDumpTool } from "./dump-tool";
import { judgeEnvironment } from "./environment";
import { judgePorts } from "./ports";
import { judgeRelations } from "./relations";
import { judgeServer } from "./server";
import { judgeWays } from "./ways";

/** Everything that stands in the way of a plan, found before anything is touched. */
export function obstacles(plan: Plan, world: World, catalogue: Catalogue): Refusal[] {
  return [
    ...judgeServer(plan, world),
    ...judgeWays(plan, world, catalogue),
    ...judgeRelations(plan, world, catalogue),
    ...judgeEnvironment(plan, world, catalogue),
    ...judgePorts(world),
    ...judgeDumpTool(plan, world),
    ...judgeDisk(plan, world, catalogue),
  ];
}
