import { findRelease } from "../planner/chain";
import { type Load, measurements } from "../planner/load";
import { recordLoad, unfinishedLoad } from "../postgres/ledger-load";
import { runtime } from "../runtimes/driver";
import { type Activity, type Attempt, withLedger } from "./attempt";
import { measureAll } from "./measure";
import { serviceSpecs } from "./site";

/**
 * Measures how the services of the old release answer, before they are stopped. Where they do not serve any more, because
 * an attempt before this one stopped them, what that one measured counts. That a service answers badly fails nothing here.
 */
export async function measureBefore(attempt: Attempt, { signal, progress }: Activity): Promise<void> {
  const { plan, catalogue, site } = attempt;
  const release = findRelease(catalogue, plan.from);
  if (!release || ["adopt", "install"].includes(plan.direction) || attempt.progress.ledger === "none") return;
  const wanted = measurements(release, site.services, site.verification);
  if (wanted.length === 0) return;
  const specs = await serviceSpecs(site, plan.from);
  const states = await Promise.all(specs.map((spec) => runtime.inspect(spec)));
  const serving = specs.filter((_spec, index) => states[index]?.healthy && states[index].release === plan.from);
  if (serving.length > 0) progress("measuring how the services answer before they stop");
  const measured = await measureAll(wanted, serving, site.verification.requests, signal);
  attempt.progress.loadBefore = await withLedger(attempt, async (client) => {
    const earlier = await unfinishedLoad(client, { attempt: attempt.number, release: plan.from });
    const missing = earlier.filter((load) => !measured.some((other) => isSame(load, other)));
    const before = [...measured, ...missing];
    await recordLoad(client, { attempt: attempt.number, before });
    return before;
  });
}

function isSame(a: Load, b: Load): boolean {
  return a.service === b.service && a.measure === b.measure;
}
