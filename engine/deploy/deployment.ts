import { messageOf, OperatorError } from "../errors";
import { InitError, type ResourceProvider } from "../plugins/provider";
import type { PropertyMap } from "../property/value";
import type { PendingOperation, ResourceState } from "../state/resource";
import { isProviderType, packageOf, parseUrn, providerType, stackType } from "../state/urn";
import { condemnedSteps, deleteWaves, implied, isProtected, neededBy, withProviders } from "./deletes";
import type { EventSink, Severity } from "./events";
import { type Goal, plainGoal } from "./goal";
import { type ProviderLoader, ProviderRegistry } from "./provider-registry";
import { refreshStates } from "./refresh";
import { Slots } from "./slots";
import { Snapshot, type StateWriter } from "./snapshot";
import { metadataOf, type Step } from "./step";
import { CancelledError, StepExecutor } from "./step-executor";
import { type Inquiry, StepGenerator } from "./step-generator";

/** What one deployment starts from. */
export interface DeploymentOptions {
  stack: string;
  project: string;
  preview: boolean;
  parallel: number;
  resources: readonly ResourceState[];
  pending: readonly PendingOperation[];
  /** URNs of the only resources that may change; empty: all may. */
  targets: ReadonlySet<string>;
  /** URNs of resources that are replaced whatever their providers say. */
  replaceTargets: ReadonlySet<string>;
  emit: EventSink;
  loadProvider: ProviderLoader;
  /** Inputs of a package's default provider, from the stack's settings. */
  defaultInputs(packageName: string): PropertyMap;
  write: StateWriter | undefined;
}

/** One preview or update under way: takes registrations and brings the resources to what they ask for. */
export class Deployment {
  readonly registry: ProviderRegistry;
  readonly #options: DeploymentOptions;
  readonly #slots: Slots;
  readonly #snapshot: Snapshot;
  readonly #executor: StepExecutor;
  /** The old state: what the run began with, or what a refresh found. */
  #base: readonly ResourceState[];
  #generator: StepGenerator;
  readonly #news = new Map<string, ResourceState>();
  readonly #goals = new Map<string, Goal>();
  readonly #defaults = new Map<string, Promise<string>>();
  readonly #running = new Set<Promise<unknown>>();
  #generating: Promise<unknown> = Promise.resolve();
  #stopped = false;
  #failed = false;
  #finished: Promise<void> | undefined;

  constructor(options: DeploymentOptions) {
    this.#options = options;
    const { preview, resources, emit } = options;
    this.#base = resources;
    this.#slots = new Slots(options.parallel);
    this.#snapshot = new Snapshot(resources, options.pending, options.write);
    this.registry = new ProviderRegistry(options.loadProvider);
    this.#generator = this.#makeGenerator();
    const isCancelled = (): boolean => this.#stopped;
    const done = (state: ResourceState): void => void this.#news.set(state.urn, state);
    const { registry } = this;
    this.#executor = new StepExecutor({
      ...{ snapshot: this.#snapshot, registry, slots: this.#slots, preview, emit, isCancelled, done },
    });
  }

  #makeGenerator(): StepGenerator {
    const { stack, project, preview, targets, replaceTargets, parallel } = this.#options;
    const questions = new Slots(parallel);
    const states = (): ResourceState[] => this.#states();
    const { registry } = this;
    return new StepGenerator({
      ...{ stack, project, preview, targets, replaceTargets, all: this.#base, registry, questions, states },
      say: (urn, severity, message) => this.#say(urn, severity, message),
    });
  }

  #say(urn: string, severity: Severity, message: string): void {
    this.#options.emit({ kind: "diagnostic", diagnostic: { urn, severity, message, ephemeral: false } });
  }

  #states(): ResourceState[] {
    return [...this.#news.values(), ...this.#base];
  }

  /**
   * Asks the providers how the resources of the state really are; the run goes on from what they answer.
   *
   * @param only - nothing else is to be done: what is found is counted as the run's changes
   */
  async refresh(only: boolean): Promise<void> {
    if (only && !this.#hasAllTargets(new Set())) return;
    const { targets } = this.#options;
    const generator = this.#generator;
    this.#base = await refreshStates({
      ...{ states: this.#base, slots: this.#slots, only, emit: this.#options.emit },
      isTarget: (urn) => targets.size === 0 || targets.has(urn),
      isCancelled: () => this.#stopped,
      providerOf: (state) => generator.providerOf(state),
      fail: (urn, error) => this.fail(urn, messageOf(error)),
    });
    this.#snapshot.rebase(this.#base);
    this.#generator = this.#makeGenerator();
  }

  get failed(): boolean {
    return this.#failed;
  }

  /** The state as it is now. */
  get resources(): ResourceState[] {
    return this.#snapshot.resources;
  }

  /** No new step starts; those that run are waited for. */
  stop(): void {
    this.#stopped = true;
  }

  /** Reports an error and stops. */
  fail(urn: string, message: string): void {
    this.#failed = true;
    this.stop();
    this.#say(urn, "error", message);
  }

  /** The program has said itself what went wrong. */
  failQuietly(): void {
    this.#failed = true;
    this.stop();
  }

  get rootUrn(): string {
    return [...this.#goals.keys()].find((urn) => parseUrn(urn).type === stackType) ?? "";
  }

  /** Brings one resource to what the program asks for and answers with its state. */
  register(goal: Goal): Promise<ResourceState> {
    return this.#track(this.#register(goal));
  }

  #track<Result>(work: Promise<Result>): Promise<Result> {
    const settled = work.then(
      () => undefined,
      () => undefined,
    );
    this.#running.add(settled);
    void settled.then(() => this.#running.delete(settled));
    return work;
  }

  async #register(goal: Goal): Promise<ResourceState> {
    let urn = "";
    try {
      if (this.#stopped) throw new CancelledError();
      const complete = await this.#inherit(goal);
      urn = this.#generator.urnOf(complete);
      const steps = await this.#generate(complete, this.#generator.ask(complete));
      this.#goals.set(urn, complete);
      const state = await this.#executor.run(steps);
      return state as ResourceState;
    } catch (error) {
      this.#report(urn, error);
      throw new CancelledError();
    }
  }

  #report(urn: string, error: unknown): void {
    if (error instanceof CancelledError) return;
    if (error instanceof InitError) error.reasons.forEach((reason) => this.fail(urn, reason));
    else this.fail(urn, messageOf(error));
  }

  /** Generation is one at a time; a failed one does not hold up the next. */
  #generate(goal: Goal, ahead: Inquiry | undefined): Promise<Step[]> {
    const generated = this.#generating.then(() => {
      if (this.#stopped) throw new CancelledError();
      return this.#generator.generate(goal, ahead);
    });
    this.#generating = generated.catch(() => undefined);
    return generated;
  }

  async #inherit(goal: Goal): Promise<Goal> {
    const parent = goal.parent ? this.#goals.get(goal.parent) : undefined;
    if (goal.parent && !parent)
      throw new OperatorError(`the parent ${goal.parent} of '${goal.name}' has not been registered`);
    const providers = new Map([...(parent?.providers ?? []), ...goal.providers]);
    const inherited: Goal = {
      ...goal,
      providers,
      protect: goal.protect ?? parent?.protect,
      retainOnDelete: goal.retainOnDelete ?? parent?.retainOnDelete,
      deletedWith: goal.deletedWith || (parent?.deletedWith ?? ""),
    };
    if (!goal.custom || isProviderType(goal.type)) return inherited;
    const packageName = packageOf(goal.type);
    const provider =
      goal.provider ||
      providers.get(packageName) ||
      (await this.#defaultProvider(packageName, goal.version, goal.pluginDownloadURL));
    return { ...inherited, provider };
  }

  #defaultProvider(packageName: string, version: string, pluginDownloadURL: string): Promise<string> {
    const name = version ? `default_${version.replace(/[^0-9A-Za-z]/g, "_")}` : "default";
    const key = `${packageName} ${name}`;
    let reference = this.#defaults.get(key);
    if (!reference) {
      const inputs = {
        ...this.#options.defaultInputs(packageName),
        ...(version ? { version } : {}),
        ...(pluginDownloadURL ? { pluginDownloadURL } : {}),
      };
      reference = this.register(plainGoal(providerType(packageName), name, inputs)).then(
        ({ urn, id }) => `${urn}::${id ?? ""}`,
      );
      this.#defaults.set(key, reference);
    }
    return reference;
  }

  /** The provider for a function call or a read. */
  async providerFor(packageName: string, reference: string, version: string): Promise<ResourceProvider> {
    const resolved = reference || (await this.#defaultProvider(packageName, version, ""));
    return this.registry.get(resolved, this.#states());
  }

  /** The outputs of a component or of the stack. */
  async registerOutputs(urn: string, outputs: PropertyMap): Promise<void> {
    const state = this.#news.get(urn);
    if (!state) throw new OperatorError(`the resource ${urn} has not been registered`);
    const next = { ...state, outputs };
    this.#snapshot.replaceNew(state, next);
    this.#news.set(urn, next);
    const old = this.#generator.old(urn);
    const step: Step = { op: old ? "same" : "create", new: next, ...(old ? { old } : {}) };
    this.#options.emit({ kind: "outputs", step: metadataOf(step) });
    await this.#snapshot.save();
  }

  /** Waits until nothing runs any more. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all([...this.#running]);
  }

  /** The program ended well: deletes what it no longer asks for. Only once, whoever asks. */
  finish(): Promise<void> {
    this.#finished ??= this.#track(this.#deleteTheRest());
    return this.#finished;
  }

  async #deleteTheRest(): Promise<void> {
    if (this.#stopped || !this.#hasAllTargets(this.#generator.registered)) return;
    const { targets } = this.#options;
    const condemned = condemnedSteps(this.#leftOver(), this.#generator.registered);
    const chosen = implied(condemned, targets, this.#base);
    for (const { old } of condemned) if (old && !chosen.some((step) => step.old === old)) this.#keep(old);
    const all = await withProviders(chosen, (state) => this.#generator.providerOf(state));
    const others = all.filter(({ old }) => targets.size > 0 && !targets.has(old?.urn ?? ""));
    for (const { old } of others) this.#reportUntargeted(old?.urn ?? "");
    if (others.length > 0) return;
    const kept = all.filter(isProtected).map(({ old }) => old as ResourceState);
    for (const step of all.filter(isProtected)) this.#refuseDelete(step);
    const needed = neededBy(kept, all);
    const failed: ResourceState[] = [...kept];
    const steps = all.filter((step) => !isProtected(step) && !needed.has(step.old?.urn ?? ""));
    for (const wave of deleteWaves(steps)) {
      const blocked = neededBy(failed, all);
      const open = wave.filter(({ old }) => !blocked.has(old?.urn ?? ""));
      const results = await Promise.all(open.map((step) => this.#deleteOne(step)));
      failed.push(...results.filter((state) => state !== undefined));
    }
  }

  /** Whether every target is known; those that are not are reported. */
  #hasAllTargets(registered: ReadonlySet<string>): boolean {
    const known = new Set([...this.#base.map(({ urn }) => urn), ...registered]);
    const missing = [...this.#options.targets].filter((urn) => !known.has(urn));
    for (const urn of missing) {
      const hint = urn.includes("$") ? "" : " Did you forget to escape $ in your shell?";
      this.fail("", `Target '${urn}' could not be found in the stack.${hint}`);
    }
    return missing.length === 0;
  }

  /** What the targets leave alone counts as unchanged. */
  #keep(old: ResourceState): void {
    const step = metadataOf({ op: "same", old, new: old });
    this.#options.emit({ kind: "step-started", step });
    this.#options.emit({ kind: "step-done", step, seconds: 0 });
  }

  #reportUntargeted(urn: string): void {
    this.#reportWithoutStopping(
      urn,
      `Resource '${urn}' will be destroyed but was not specified in --target list.\n` +
        "Include it with --target to proceed. Nothing was deleted.",
    );
  }

  #leftOver(): ResourceState[] {
    const registered = new Set(this.#news.values());
    return this.#snapshot.resources.filter((state) => !registered.has(state));
  }

  async #deleteOne(step: Step): Promise<ResourceState | undefined> {
    try {
      await this.#executor.run([step]);
      return undefined;
    } catch (error) {
      if (!(error instanceof CancelledError)) this.#reportWithoutStopping(step.old?.urn ?? "", messageOf(error));
      return step.old;
    }
  }

  #reportWithoutStopping(urn: string, message: string): void {
    this.#failed = true;
    this.#say(urn, "error", message);
  }

  #refuseDelete(step: Step): void {
    const shown = metadataOf(step);
    this.#options.emit({ kind: "step-started", step: shown });
    this.#reportWithoutStopping(
      shown.urn,
      `resource "${shown.urn}" cannot be deleted\nbecause it is protected. To unprotect the resource, set \`protect\` to false in ` +
        "the program and run `up`, or run `state unprotect` with this URN",
    );
    this.#options.emit({ kind: "step-failed", step: shown, seconds: 0 });
  }

  /** The last write, for what could wait until now. */
  async close(): Promise<void> {
    await this.idle();
    if (this.#snapshot.dirty) await this.#snapshot.save();
  }
}
