import { headIndex } from "../planner/chain";
import type { Moment } from "../planner/gates";
import type { Observation } from "./observe";

/** What the gates look at besides the plan, as it was seen. */
export function momentOf({ world, ledger, catalogue }: Observation): Moment {
  const { openAttempt: open } = world;
  if (open === null) return { open, halfDone: false, now: new Date() };
  const serves = world.services.every(({ running, release }) => running && (release ?? open.from) === open.from);
  const head = catalogue.chain[headIndex(catalogue, open.from)]?.revision;
  const digest = ledger.lastSucceeded?.environmentDigest ?? world.environmentDigest;
  const isWhole = serves && world.revisions[0] === head && digest === world.environmentDigest;
  return { open, halfDone: !isWhole, now: new Date() };
}
