import { rfc3339Nano } from "../backend/clock";
import { InitError } from "../plugins/provider";
import {
  containsUnknowns,
  equal,
  isSecret,
  isUnknown,
  makeSecret,
  type PropertyMap,
  type PropertyValue,
} from "../property/value";
import type { CustomTimeouts, PendingOperation, ResourceState } from "../state/resource";
import { isProviderType, parseUrn } from "../state/urn";
import type { EventSink } from "./events";
import type { ProviderRegistry } from "./provider-registry";
import type { Slots } from "./slots";
import type { Snapshot } from "./snapshot";
import { metadataOf, type Step, subject } from "./step";

/** The run was stopped before this step could start. */
export class CancelledError extends Error {
  constructor() {
    super("the run was stopped");
    this.name = "CancelledError";
  }
}

/** What steps are run with. */
export interface ExecutorContext {
  snapshot: Snapshot;
  registry: ProviderRegistry;
  slots: Slots;
  preview: boolean;
  emit: EventSink;
  isCancelled(): boolean;
  /** The state of a resource once its step is done. */
  done(state: ResourceState): void;
}

/** Runs steps, each with its write of the state, at most as many at once as there are slots. */
export class StepExecutor {
  readonly #context: ExecutorContext;

  constructor(context: ExecutorContext) {
    this.#context = context;
  }

  /** Runs the steps one after another; returns the new state of the last one that has any. */
  run(steps: readonly Step[]): Promise<ResourceState | undefined> {
    return this.#context.slots.use(async () => {
      let state: ResourceState | undefined;
      for (const step of steps) {
        if (this.#context.isCancelled()) throw new CancelledError();
        // A mark that follows its creation shows what was created.
        const shown = step.op === "replace" && state ? { ...step, new: state } : step;
        state = (await this.#runOne(shown)) ?? state;
      }
      return state;
    });
  }

  async #runOne(step: Step): Promise<ResourceState | undefined> {
    const { emit } = this.#context;
    const started = performance.now();
    const seconds = (): number => (performance.now() - started) / 1000;
    emit({ kind: "step-started", step: metadataOf(step) });
    try {
      const state = await this.#apply(step);
      const finished = state && step.op !== "replace" ? { ...step, new: state } : step;
      if (state) this.#context.done(state);
      if (state?.initErrors?.length && step.op !== "same")
        throw new InitError(state.id ?? "", {}, undefined, [...state.initErrors]);
      emit({ kind: "step-done", step: metadataOf(finished), seconds: seconds() });
      return state;
    } catch (error) {
      emit({ kind: "step-failed", step: metadataOf(step), seconds: seconds() });
      throw error;
    }
  }

  #apply(step: Step): Promise<ResourceState | undefined> {
    switch (step.op) {
      case "same":
        return this.#same(step);
      case "create":
      case "create-replacement":
        return this.#mutate(step, "creating", () => this.#create(step));
      case "read":
      case "read-replacement":
        return this.#mutate(step, "reading", () => this.#read(step));
      case "update":
        return this.#mutate(step, "updating", () => this.#update(step));
      case "delete":
      case "delete-replaced":
      case "discard":
      case "discard-replaced":
      case "remove-pending-replace":
        return this.#delete(step);
      default:
        return Promise.resolve(undefined);
    }
  }

  async #same(step: Step): Promise<ResourceState> {
    const { snapshot, registry } = this.#context;
    if (step.skippedCreate) return { ...subject(step), outputs: {} };
    const old = step.old as ResourceState;
    const { id, outputs, created, modified } = old;
    const state = secretised({ ...subject(step), ...defined({ id, outputs, created, modified }) });
    if (isProviderType(state.type)) registry.same(state);
    snapshot.add(state, old);
    if (!isUnchanged(old, state)) await snapshot.save();
    return state;
  }

  /** Keeps the pending operation in the state for as long as it runs. */
  async #mutate(step: Step, type: PendingOperation["type"], act: () => Promise<ResourceState>): Promise<ResourceState> {
    const { snapshot, preview } = this.#context;
    const tracked = subject(step).custom && !isProviderType(subject(step).type) && !preview;
    const operation = tracked
      ? await snapshot.begin({ resource: { ...subject(step), ...defined({ id: step.old?.id }) }, type })
      : undefined;
    try {
      const state = await act();
      snapshot.end(operation);
      this.#settle(step, state);
      return state;
    } catch (error) {
      snapshot.end(operation);
      throw error;
    } finally {
      await snapshot.save();
    }
  }

  #settle(step: Step, state: ResourceState): void {
    const { snapshot } = this.#context;
    const { old } = step;
    if (step.pendingDelete && old) {
      snapshot.add(state);
      snapshot.replaceOld(old, { ...old, delete: true });
    } else snapshot.add(state, old);
  }

  async #create(step: Step): Promise<ResourceState> {
    const { preview } = this.#context;
    const draft = subject(step);
    const now = rfc3339Nano();
    if (!step.provider) return { ...draft, outputs: {}, created: now, modified: now };
    const inputs = draft.inputs ?? {};
    if (preview && !step.provider.supportsPreview) return secretised({ ...draft, outputs: inputs });
    const { urn, type } = draft;
    const timeout = draft.customTimeouts?.create ?? 0;
    const request = { urn, type, name: parseUrn(urn).name, inputs, timeout, preview };
    const made = await partially(() => (step.provider as NonNullable<typeof step.provider>).create(request));
    refuseUnknowns(urn, made.outputs, preview);
    const created = {
      ...draft,
      ...defined({ inputs: made.inputs }),
      id: made.id,
      outputs: made.outputs,
      created: now,
      modified: now,
    };
    return secretised({ ...created, ...defined({ initErrors: made.reasons }) });
  }

  async #read(step: Step): Promise<ResourceState> {
    const { id = "", ...draft } = subject(step);
    const { old, provider } = step;
    const { urn, type, inputs = {} } = draft;
    if (isUnknown(id) || !provider) return { ...draft, id, outputs: {} };
    // What the program knows of it goes as both, as the Pulumi CLI sends it.
    const request = { urn, type, name: parseUrn(urn).name, id, inputs, outputs: inputs, timeout: 0 };
    const read = await partially(async () => {
      const found = await provider.read(request);
      if (found.id === "") throw new Error(`resource '${id}' does not exist`);
      return { id: found.id, outputs: found.outputs };
    });
    const moved = old && !(equal(inputs, old.inputs ?? {}) && equal(read.outputs, old.outputs ?? {}));
    const { created, modified } = old ?? {};
    const times = defined({ created, modified: moved ? rfc3339Nano() : modified });
    return secretised({
      ...draft,
      ...times,
      id: read.id,
      outputs: read.outputs,
      ...defined({ initErrors: read.reasons }),
    });
  }

  async #update(step: Step): Promise<ResourceState> {
    const { preview } = this.#context;
    const draft = subject(step);
    const old = step.old as ResourceState;
    const base = { ...draft, ...defined({ id: old.id, created: old.created }), modified: rfc3339Nano() };
    if (!step.provider) return { ...base, outputs: old.outputs ?? {} };
    const news = draft.inputs ?? {};
    if (preview && !step.provider.supportsPreview) return secretised({ ...base, outputs: news });
    const request = {
      ...{ urn: draft.urn, type: draft.type, name: parseUrn(draft.urn).name, id: old.id ?? "", news, preview },
      oldInputs: old.inputs ?? {},
      oldOutputs: old.outputs ?? {},
      ignoreChanges: step.ignoreChanges ?? [],
      timeout: timeoutOf(draft.customTimeouts, "update"),
    };
    const provider = step.provider;
    const made = await partially(async () => ({ id: request.id, outputs: await provider.update(request) }));
    refuseUnknowns(draft.urn, made.outputs, preview);
    // After a half-made update the old inputs stay, so that the next run sees what is still to be done.
    const inputs = made.reasons ? (made.inputs ?? old.inputs ?? {}) : news;
    const updated = { ...base, inputs, id: made.id, outputs: made.outputs };
    return secretised({ ...updated, ...defined({ initErrors: made.reasons }) });
  }

  async #delete(step: Step): Promise<undefined> {
    const { snapshot, preview } = this.#context;
    const old = step.old as ResourceState;
    const acts = step.provider && !step.skipProvider && old.custom && step.op !== "remove-pending-replace" && !preview;
    const operation =
      acts && !isProviderType(old.type) ? await snapshot.begin({ resource: old, type: "deleting" }) : undefined;
    try {
      if (acts) {
        const { urn, type, id = "", inputs = {}, outputs = {} } = old;
        const timeout = timeoutOf(old.customTimeouts, "delete");
        await step.provider?.delete({ urn, type, name: parseUrn(urn).name, id, inputs, outputs, timeout });
      }
      if (step.pendingReplacement) snapshot.replaceOld(old, { ...old, pendingReplacement: true });
      else snapshot.remove(old);
    } finally {
      snapshot.end(operation);
      await snapshot.save();
    }
    return undefined;
  }
}

const timeoutOf = (timeouts: CustomTimeouts | undefined, operation: keyof CustomTimeouts): number =>
  timeouts?.[operation] ?? 0;

/** The entries that are not undefined. */
function defined<Values extends object>(values: Values): { [Key in keyof Values]?: Exclude<Values[Key], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

interface Made {
  id: string;
  outputs: PropertyMap;
  inputs?: PropertyMap;
  reasons?: string[];
}

/** A partial failure is an outcome to remember, not only an error. */
async function partially(act: () => Promise<Made>): Promise<Made> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof InitError)) throw error;
    const { id, outputs, inputs, reasons } = error;
    return { id, outputs, reasons, ...(inputs && Object.keys(inputs).length > 0 ? { inputs } : {}) };
  }
}

function refuseUnknowns(urn: string, outputs: PropertyMap, preview: boolean): void {
  if (!preview && containsUnknowns(outputs))
    throw new Error(`the provider returned unknown values for ${urn} outside a preview`);
}

/** Outputs are secret when the program says so, and when the input of the same name is. */
export function secretised(state: ResourceState): ResourceState {
  if (!state.outputs) return state;
  const secretKeys = new Set(state.additionalSecretOutputs ?? []);
  for (const [key, value] of Object.entries(state.inputs ?? {})) if (isSecret(value)) secretKeys.add(key);
  const outputs: PropertyMap = { ...state.outputs };
  for (const key of secretKeys) if (outputs[key] !== undefined) outputs[key] = makeSecret(outputs[key]);
  return { ...state, outputs };
}

const notCompared = new Set(["sourcePosition", "stackTrace", "created", "modified"]);

/** Whether a state says the same as another, so that writing it can wait. */
export function isUnchanged(old: ResourceState, state: ResourceState): boolean {
  return equal(comparable(old), comparable(state));
}

function comparable(state: ResourceState): PropertyMap {
  const kept = Object.entries(state as unknown as Record<string, PropertyValue>).filter(([key, value]) => {
    const empty =
      value === undefined ||
      value === false ||
      value === "" ||
      (typeof value === "object" && Object.keys(value ?? {}).length === 0);
    return !notCompared.has(key) && !empty;
  });
  return Object.fromEntries(kept);
}
