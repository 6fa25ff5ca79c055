import type { ResourceProvider } from "../plugins/provider";
import { referencesOf, type ResourceState } from "../state/resource";
import type { Step } from "./step";

/** What goes at the end of a run: resources no longer registered, and those whose replacement is there. */
export function condemnedSteps(left: readonly ResourceState[], registered: ReadonlySet<string>): Step[] {
  const steps = left.flatMap((old): Step[] => {
    if (old.delete) return [{ op: old.external ? "discard-replaced" : "delete-replaced", old }];
    if (registered.has(old.urn)) return [];
    if (old.external) return [{ op: "discard", old }];
    return [{ op: old.pendingReplacement ? "remove-pending-replace" : "delete", old }];
  });
  const going = new Set(steps.map(({ old }) => old?.urn));
  return steps.map((step) => {
    const old = step.old as ResourceState;
    const skipProvider = Boolean(old.retainOnDelete) || Boolean(old.external) || going.has(old.deletedWith);
    return { ...step, skipProvider };
  });
}

/** Those of the steps that the targets imply: their own, and what depends on them, directly or not. */
export function implied(
  steps: readonly Step[],
  targets: ReadonlySet<string>,
  states: readonly ResourceState[],
): readonly Step[] {
  if (targets.size === 0) return steps;
  const reached = new Set(targets);
  // In the order of the state, what depends on something comes after it.
  for (const state of states) if (referencesOf(state).some((urn) => reached.has(urn))) reached.add(state.urn);
  return steps.filter(({ old }) => reached.has(old?.urn ?? ""));
}

/** Whether a step would delete what the program (or the state) protects. */
export const isProtected = (step: Step): boolean => step.op === "delete" && step.old?.protect === true;

/** What must outlive a resource: what it refers to, and the children of components that it depends on. */
function dependencyUrns(state: ResourceState, childrenOf: ReadonlyMap<string, string[]>): Set<string> {
  const urns = new Set(referencesOf(state));
  for (const urn of state.dependencies ?? []) for (const child of childrenOf.get(urn) ?? []) urns.add(child);
  urns.delete(state.urn);
  return urns;
}

/** Steps in waves: each wave only when the one before it is done; dependents go before what they depend on. */
export function deleteWaves(steps: readonly Step[]): Step[][] {
  const childrenOf = new Map<string, string[]>();
  for (const { old } of steps) {
    if (old?.parent) childrenOf.set(old.parent, [...(childrenOf.get(old.parent) ?? []), old.urn]);
  }
  const waves: Step[][] = [];
  let left = [...steps];
  while (left.length > 0) {
    const urns = new Set(left.map(({ old }) => old?.urn));
    const free = left.filter(
      ({ old }) => ![...dependencyUrns(old as ResourceState, childrenOf)].some((urn) => urns.has(urn)),
    );
    // A circle cannot be in a state that was read; taking all of it ends the loop whatever happens.
    const wave = free.length > 0 ? free : left;
    waves.push(wave);
    left = left.filter((step) => !wave.includes(step));
  }
  return waves.reverse();
}

/** Everything that the failed deletions still need: not to be deleted now. */
export function neededBy(failed: readonly ResourceState[], steps: readonly Step[]): Set<string> {
  const byUrn = new Map(steps.map(({ old }) => [old?.urn, old as ResourceState]));
  const needed = new Set<string>();
  const visit = (state: ResourceState): void => {
    for (const urn of referencesOf(state)) {
      if (needed.has(urn)) continue;
      needed.add(urn);
      const next = byUrn.get(urn);
      if (next) visit(next);
    }
  };
  failed.forEach(visit);
  return needed;
}

/** Gives each step the provider that it will call. */
export async function withProviders(
  steps: readonly Step[],
  providerOf: (state: ResourceState) => Promise<ResourceProvider | undefined>,
): Promise<Step[]> {
  return Promise.all(
    steps.map(async (step) => {
      if (step.skipProvider || step.op === "remove-pending-replace") return step;
      const provider = await providerOf(step.old as ResourceState);
      return provider ? { ...step, provider } : step;
    }),
  );
}
