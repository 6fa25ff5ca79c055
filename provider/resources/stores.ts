import { describeRefusals } from "../../phases/faults";
import {
  awaitStore,
  lookAtStores,
  type MadeStores,
  makeWayForStores,
  planStores,
  type StoreEnvironments,
  type StoreSite,
} from "../../phases/stores";
import { judgeStores } from "../../phases/stores-refusals";
import { type Properties, secret } from "../codec";
import { changesBetween } from "../diff";
import type { ResourceHandler } from "./resource";

/**
 * What the stores of a fresh installation stand on: looks whether they can be made, makes way for those that are made
 * anew, and tells what they are made of. It changes exactly when one of them has to be made.
 */
export function foundationHandler(): ResourceHandler {
  return {
    check: async (_call, inputs, old) => {
      const site = siteIn(inputs);
      const reasons = await judgeStores(site, await lookAtStores(site), old && siteIn(old));
      return { inputs, faults: reasons.map((reason) => ({ property: "", reason: describeRefusals([reason]) })) };
    },
    diff: async (_call, inputs, old) => {
      const { unmade, networkUnmade } = await lookAtStores(siteIn(inputs));
      const changes = changesBetween(old, inputs);
      return unmade.length > 0 || networkUnmade ? [...changes, { path: "made", kind: "update" }] : changes;
    },
    apply: async ({ log }, { inputs, old, preview }) => {
      const site = siteIn(inputs);
      const look = await lookAtStores(site);
      const { made, environments } = await planStores(site, look, madeIn(old));
      if (!preview) await makeWayForStores(site, look, { progress: (line) => log.progress(line) });
      const secrets = Object.entries(environments).map(([name, lines]) => [name, secret(lines)] as const);
      return { ...inputs, made, environments: Object.fromEntries(secrets) };
    },
    forget: () => Promise.resolve(),
  };
}

/** Waits until a store is well. */
export function storeReadinessHandler(): ResourceHandler {
  return {
    check: (_call, inputs) => Promise.resolve({ inputs, faults: [] }),
    diff: (_call, inputs, old) => Promise.resolve(changesBetween(old, inputs)),
    apply: async ({ log, session }, { inputs, preview }) => {
      if (preview) return inputs;
      const { store, round, network } = inputs as { store: string; round: number; network: number };
      const activity = { signal: session.signal, progress: (line: string) => log.progress(line) };
      await awaitStore(siteIn(inputs), store, { round, network }, activity);
      return inputs;
    },
    forget: () => Promise.resolve(),
  };
}

function siteIn({ site }: Properties): StoreSite {
  return site as StoreSite;
}

function madeIn(state: Properties | null): { made: MadeStores; environments: StoreEnvironments } | null {
  if (!state?.made) return null;
  return { made: state.made as MadeStores, environments: (state.environments ?? {}) as StoreEnvironments };
}
