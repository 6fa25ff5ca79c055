import { rfc3339Nano } from "../backend/clock";
import { type DiffResult, InitError, noDiff, type ReadResult, type ResourceProvider } from "../plugins/provider";
import { omit } from "../property/omit";
import { equal } from "../property/value";
import type { ResourceState } from "../state/resource";
import { isProviderType, parseUrn } from "../state/urn";
import { diffResource, inverted } from "./diff";
import type { EventSink, StepMetadata, StepOp } from "./events";
import type { Slots } from "./slots";
import { secretised } from "./step-executor";

/** What a refresh works with. */
export interface RefreshContext {
  states: readonly ResourceState[];
  slots: Slots;
  /** Whether there is nothing else to do in this run: then what is found is counted. */
  only: boolean;
  emit: EventSink;
  isTarget(urn: string): boolean;
  isCancelled(): boolean;
  providerOf(state: ResourceState): Promise<ResourceProvider | undefined>;
  fail(urn: string, error: unknown): void;
}

interface Found {
  /** Undefined when the resource is not there any more. */
  state: ResourceState | undefined;
  diff: DiffResult;
}

/** Components, providers and what waits for its replacement are never asked. */
const isAsked = (state: ResourceState): boolean =>
  state.custom && !isProviderType(state.type) && !state.pendingReplacement;

/**
 * Asks the providers how the resources really are. A provider that fails leaves its resource as the state has it, and the
 * run fails.
 *
 * @returns the states that the providers answered with, repaired where a resource has gone
 */
export async function refreshStates(context: RefreshContext): Promise<ResourceState[]> {
  for (const state of context.states) {
    if (context.isTarget(state.urn) && isAsked(state)) await context.providerOf(state).catch(() => undefined);
  }
  const found = context.states.map((state) =>
    context.isTarget(state.urn) ? refreshOne(context, state) : Promise.resolve(state),
  );
  return repaired((await Promise.all(found)).filter((state) => state !== undefined));
}

function refreshOne(context: RefreshContext, old: ResourceState): Promise<ResourceState | undefined> {
  return context.slots.use(async () => {
    if (context.isCancelled()) return old;
    const started = performance.now();
    const shown: StepMetadata = { op: "refresh", urn: old.urn, type: old.type, old, new: old, logical: false };
    const seconds = (): number => (performance.now() - started) / 1000;
    context.emit({ kind: "step-started", step: shown });
    try {
      const found = isAsked(old) ? await ask(context, old) : { state: old, diff: noDiff };
      context.emit({ kind: "step-done", step: resultOf(context, shown, found), seconds: seconds() });
      return found.state;
    } catch (error) {
      context.emit({ kind: "step-failed", step: shown, seconds: seconds() });
      context.fail(old.urn, error);
      return old;
    }
  });
}

async function ask(context: RefreshContext, old: ResourceState): Promise<Found> {
  const provider = await context.providerOf(old);
  if (!provider) throw new Error(`the state names no provider for ${old.urn}`);
  const { read, reasons } = await readWithReasons(context, provider, old);
  if (read.id === "") return { state: undefined, diff: noDiff };
  const inputs = read.inputs ?? old.inputs ?? {};
  const same = equal(inputs, old.inputs ?? {}) && equal(read.outputs, old.outputs ?? {});
  const state = secretised({
    ...old,
    id: read.id,
    inputs,
    outputs: read.outputs,
    initErrors: reasons,
    ...(same ? {} : { modified: rfc3339Nano() }),
  });
  if (old.external) return { state, diff: same ? noDiff : { ...noDiff, changes: "some" } };
  // What a run of the same program would change back, turned round: that is what happened outside.
  const diff = await diffResource(provider, {
    ...{ urn: old.urn, type: old.type, name: parseUrn(old.urn).name, id: read.id },
    oldInputs: inputs,
    oldOutputs: read.outputs,
    news: old.inputs ?? {},
    ignoreChanges: old.ignoreChanges ?? [],
  });
  return { state, diff: inverted(diff) };
}

/** A resource that is not in order is a warning here, and remembered. */
async function readWithReasons(
  context: RefreshContext,
  provider: ResourceProvider,
  old: ResourceState,
): Promise<{ read: ReadResult; reasons: string[] }> {
  const { urn, type, id = "", inputs = {}, outputs = {}, customTimeouts } = old;
  const request = { urn, type, name: parseUrn(urn).name, id, inputs, outputs, timeout: customTimeouts?.read ?? 0 };
  try {
    return { read: await provider.read(request), reasons: [] };
  } catch (error) {
    if (!(error instanceof InitError)) throw error;
    const message = `Refreshed resource is in an unhealthy state:\n* ${error.reasons.join("\n* ")}`;
    context.emit({ kind: "diagnostic", diagnostic: { urn, severity: "warning", message, ephemeral: false } });
    return { read: error, reasons: error.reasons };
  }
}

function resultOf({ only }: RefreshContext, shown: StepMetadata, { state, diff }: Found): StepMetadata {
  const result: StepOp = !state ? "delete" : diff.changes === "none" ? "same" : "update";
  return {
    ...omit(shown, "new"),
    op: only ? result : "refresh",
    logical: only,
    refreshed: true,
    ...(state ? { new: state } : {}),
    diffs: diff.changedKeys,
    ...(diff.detailedDiff ? { detailedDiff: diff.detailedDiff } : {}),
  };
}

/** References to resources that have gone are removed; their children become children of the stack's. */
function repaired(states: readonly ResourceState[]): ResourceState[] {
  const there = new Set<string>();
  return states.map((state) => {
    const { parent, dependencies, propertyDependencies, deletedWith } = state;
    const kept: ResourceState = {
      ...state,
      ...(parent && !there.has(parent) ? { parent: "" } : {}),
      ...(dependencies ? { dependencies: dependencies.filter((urn) => there.has(urn)) } : {}),
      ...(propertyDependencies ? { propertyDependencies: keptDependencies(propertyDependencies, there) } : {}),
      ...(deletedWith && !there.has(deletedWith) ? { deletedWith: "" } : {}),
    };
    there.add(state.urn);
    return kept;
  });
}

function keptDependencies(
  dependencies: NonNullable<ResourceState["propertyDependencies"]>,
  there: ReadonlySet<string>,
): Record<string, string[]> {
  const kept = Object.entries(dependencies).map(([key, urns]) => [key, urns.filter((urn) => there.has(urn))] as const);
  // As the Pulumi CLI leaves them: inputs that depend on nothing are not listed after a refresh.
  return Object.fromEntries(kept.filter(([, urns]) => urns.length > 0));
}
