import { randomBytes } from "node:crypto";

import { NotImplementedError, OperatorError } from "../errors";
import { type DiffResult, noDiff, type ResourceProvider, someDiff } from "../plugins/provider";
import { withIgnored } from "../property/ignore-changes";
import { omit } from "../property/omit";
import { containsUnknowns, equal, isUnknown, type PropertyMap, unwrapSecrets } from "../property/value";
import { providerUrn, referencesOf, type ResourceState } from "../state/resource";
import { isProviderType, makeUrn, parseUrn, stackType } from "../state/urn";
import { dependentReplacements } from "./dependent-replacements";
import { applyReplaceOnChanges, compareInputs, diffResource, isReplacement } from "./diff";
import type { Severity } from "./events";
import type { Goal } from "./goal";
import { askForConfigDiff, type ProviderRegistry, withoutInternal } from "./provider-registry";
import type { Slots } from "./slots";
import type { Step } from "./step";

/** A resource's inputs were refused by its provider. */
export class CheckFailedError extends OperatorError {
  readonly urn: string;

  constructor(urn: string, failures: { property: string; reason: string }[]) {
    const { type, name } = parseUrn(urn);
    const lines = failures.map(({ property, reason }) => (property ? `${property}: ${reason}` : reason));
    super(lines.map((line) => `${type} resource '${name}': ${line}`).join("\n"));
    this.urn = urn;
  }
}

/** What the generator knows of the old state. */
export interface OldStates {
  stack: string;
  project: string;
  preview: boolean;
  /** The old resources in the order of the state. */
  all: readonly ResourceState[];
  registry: ProviderRegistry;
  /** How many questions providers are asked at once. */
  questions: Slots;
  /** The only resources that may change, and those that are to be replaced whatever they say; empty: no such wish. */
  targets: ReadonlySet<string>;
  replaceTargets: ReadonlySet<string>;
  /** A message about a resource. */
  say(urn: string, severity: Severity, message: string): void;
  /** Every state a provider reference may point to, the newest first. */
  states(): Iterable<ResourceState>;
}

/** What a provider is asked about one registration. */
export interface Inquiry {
  /** Asked as about a resource without a past. */
  readonly anew: boolean;
  readonly provider: Promise<ResourceProvider | undefined>;
  readonly checked: Promise<ResourceState>;
  /** How it differs from the old one; asked once. */
  diff(): Promise<DiffResult>;
}

/** Decides what is to be done for each resource that the program registers. One registration at a time. */
export class StepGenerator {
  readonly #context: OldStates;
  readonly #olds: Map<string, ResourceState>;
  readonly registered = new Set<string>();
  /** Deleted in this run, before the program came to register them again. */
  readonly #deleted = new Set<string>();
  readonly #replaced = new Set<string>();
  readonly #skipped = new Set<string>();

  constructor(context: OldStates) {
    this.#context = context;
    this.#olds = new Map(context.all.filter((state) => !state.delete).map((state) => [state.urn, state]));
  }

  urnOf(goal: Goal): string {
    return makeUrn(this.#context.stack, this.#context.project, goal.parent, goal.type, goal.name);
  }

  old(urn: string): ResourceState | undefined {
    return this.#olds.get(urn);
  }

  /** The provider that answers for a state. */
  providerOf(state: ResourceState): Promise<ResourceProvider | undefined> {
    if (isProviderType(state.type)) return Promise.resolve(this.#context.registry);
    if (!state.custom || !state.provider) return Promise.resolve(undefined);
    return this.#context.registry.get(state.provider, this.#context.states());
  }

  /** Asks the provider about a registration before its turn has come, so that many are asked about at once. */
  ask(goal: Goal): Inquiry | undefined {
    const urn = this.urnOf(goal);
    const old = this.#olds.get(urn);
    // To check a provider is to start it.
    if (!goal.custom || goal.readId !== undefined || isProviderType(goal.type) || !this.#isTarget(urn, goal.type))
      return;
    if (this.registered.has(urn) || old?.custom === false) return;
    const inquiry = this.#ask(goal, urn, old);
    const isReplaced = goal.deletedWith !== "" || triggered(old?.replacementTrigger, goal.replacementTrigger);
    if (old && !inquiry.anew && !isReplaced && old.provider === goal.provider)
      void inquiry.diff().catch(() => undefined);
    inquiry.checked.catch(() => undefined);
    return inquiry;
  }

  /**
   * The steps for one registration, in the order in which they are to be run.
   *
   * @param ahead - what was asked before its turn; it is asked again when what has been decided since matters to it
   */
  async generate(goal: Goal, ahead: Inquiry | undefined): Promise<Step[]> {
    const steps = await this.#decide(goal, ahead);
    for (const step of steps) if (step.new && !step.skippedCreate) this.#refuseSkipped(step.new);
    return steps;
  }

  /** A resource that the state has under an earlier name of its type would be made a second time. */
  #refuseFormer(goal: Goal): void {
    const former = goal.formerTypes.map((type) => this.urnOf({ ...goal, type })).find((urn) => this.#olds.has(urn));
    if (former) throw new NotImplementedError(`taking over ${former} as ${goal.type}`);
  }

  async #decide(goal: Goal, ahead: Inquiry | undefined): Promise<Step[]> {
    const urn = this.urnOf(goal);
    if (this.registered.has(urn))
      throw new OperatorError(`Duplicate resource URN '${urn}'; try giving it a unique name`);
    this.registered.add(urn);
    const old = this.#olds.get(urn);
    if (!old) this.#refuseFormer(goal);
    if (goal.readId !== undefined) return this.#read(urn, goal.readId, goal, old);
    if (!this.#isTarget(urn, goal.type)) return old ? this.#untouched(old) : [this.#skip(urn, goal)];
    if (old && old.custom !== goal.custom)
      throw new NotImplementedError(`turning ${urn} from a component into a custom resource or back`);
    const asked = ahead && ahead.anew === this.#isMadeAnew(urn, old) ? ahead : this.#ask(goal, urn, old);
    const [provider, checked] = await Promise.all([asked.provider, asked.checked]);
    const step = { new: checked, ...(provider ? { provider } : {}), ignoreChanges: goal.ignoreChanges };
    if (!old) return [{ op: "create", ...step }];
    if (this.#deleted.has(urn)) return replacement({ ...step, old });
    if (old.external) return createFirst({ ...step, old });
    const triggers = triggered(old.replacementTrigger, goal.replacementTrigger);
    const diff = triggers ? someDiff : await this.#diff(goal, old, checked, asked);
    const changed = { ...step, old, diffs: diff.changedKeys, keys: diff.replaceKeys, detailedDiff: diff.detailedDiff };
    if (triggers || isReplacement(diff) || old.pendingReplacement) return this.#replace(goal, diff, changed, provider);
    if (diff.changes === "some" || old.initErrors?.length) return [{ op: "update", ...changed }];
    return [{ op: "same", ...step, old }];
  }

  /** What is made anew is checked without its past. */
  #isMadeAnew(urn: string, old: ResourceState | undefined): boolean {
    return !old || this.#deleted.has(urn) || old.external === true || this.#isToBeReplaced(old);
  }

  #ask(goal: Goal, urn: string, old: ResourceState | undefined): Inquiry {
    const anew = this.#isMadeAnew(urn, old);
    const olds = anew ? {} : (old?.inputs ?? {});
    const draft = draftState(urn, goal, anew ? goal.inputs : this.#withIgnored(urn, goal, olds));
    const provider = this.providerOf(draft);
    const { questions } = this.#context;
    const checked = provider.then((answering) =>
      answering ? questions.use(() => this.#check(draft, olds, answering)) : draft,
    );
    let diff: Promise<DiffResult> | undefined;
    const askForDiff = async (): Promise<DiffResult> => {
      const [answering, { type, inputs: news = {} }] = await Promise.all([provider, checked]);
      if (!answering) return compareInputs(old?.inputs ?? {}, news);
      const request = { urn, type, name: goal.name, id: old?.id ?? "", news, ignoreChanges: goal.ignoreChanges };
      const { inputs: oldInputs = {}, outputs: oldOutputs = {} } = old ?? {};
      return questions.use(() => diffResource(answering, { ...request, oldInputs, oldOutputs }));
    };
    return { anew, provider, checked, diff: () => (diff ??= askForDiff()) };
  }

  #withIgnored(urn: string, goal: Goal, oldInputs: PropertyMap): PropertyMap {
    if (!goal.custom) return goal.inputs;
    const { inputs, impossible } = withIgnored(goal.inputs, oldInputs, goal.ignoreChanges);
    const what = "cannot ignore changes in added or removed elements of the path";
    if (impossible.length > 0) this.#context.say(urn, "info", `${what}: "${impossible.join(", ")}"`);
    return inputs;
  }

  #isTarget(urn: string, type: string): boolean {
    const { targets } = this.#context;
    return targets.size === 0 || targets.has(urn) || isProviderType(type) || type === stackType;
  }

  #isToBeReplaced(old: ResourceState): boolean {
    return old.taint === true || this.#context.replaceTargets.has(old.urn);
  }

  /** A resource that is not among the targets stays as it is, and so does what it needs and the program no longer has. */
  #untouched(old: ResourceState): Step[] {
    const needed = referencesOf(old).flatMap((urn) => {
      const other = this.#olds.get(urn);
      if (!other || this.registered.has(urn)) return [];
      this.registered.add(urn);
      return this.#untouched(other);
    });
    return [...needed, { op: "same", old, new: old }];
  }

  #skip(urn: string, goal: Goal): Step {
    this.#skipped.add(urn);
    return { op: "same", new: draftState(urn, goal, goal.inputs), skippedCreate: true };
  }

  #refuseSkipped(draft: ResourceState): void {
    const missing = referencesOf(draft).filter((urn) => this.#skipped.has(urn));
    if (missing.length === 0) return;
    const lines = [...new Set(missing)].map(
      (urn) => `Resource '${draft.urn}' depends on '${urn}' which was not specified in --target list.`,
    );
    throw new OperatorError(lines.join("\n"));
  }

  /** Reads a resource that the stack does not own; one that it owned is let go. */
  async #read(urn: string, id: string, goal: Goal, old: ResourceState | undefined): Promise<Step[]> {
    const draft = draftState(urn, goal, goal.inputs);
    const state: ResourceState = { ...omit(draft, "propertyDependencies"), id, external: true };
    const provider = await this.providerOf(state);
    const step = { new: state, ...(provider ? { provider } : {}) };
    if (!old) return [{ op: "read", ...step }];
    if (old.external || old.id === id) return [{ op: "read", ...step, old }];
    return [
      { op: "read-replacement", ...step, old, pendingDelete: true },
      { op: "replace", ...step, old },
    ];
  }

  async #check(draft: ResourceState, olds: PropertyMap, provider: ResourceProvider): Promise<ResourceState> {
    const { urn, type } = draft;
    const request = {
      urn,
      type,
      name: parseUrn(urn).name,
      olds,
      news: draft.inputs ?? {},
      randomSeed: randomBytes(32),
    };
    const { inputs, failures } = await provider.check(request);
    if (failures.length > 0) throw new CheckFailedError(urn, failures);
    return { ...draft, inputs };
  }

  async #diff(goal: Goal, old: ResourceState, checked: ResourceState, asked: Inquiry): Promise<DiffResult> {
    const replace = (key: string): DiffResult => ({ ...someDiff, replaceKeys: [key] });
    if (this.#isToBeReplaced(old)) return replace("id");
    if (checked.deletedWith && this.#replaced.has(checked.deletedWith)) return replace("deletedWith");
    if (await this.#providerWasReplaced(old, checked)) return replace("provider");
    const diff = await asked.diff();
    if (diff.unavailable) this.#context.say(checked.urn, "warning", diff.unavailable);
    return applyReplaceOnChanges(diff, checked.custom ? goal.replaceOnChanges : [], Boolean(old.initErrors?.length));
  }

  async #providerWasReplaced(old: ResourceState, checked: ResourceState): Promise<boolean> {
    if (!old.provider || !checked.provider || old.provider === checked.provider) return false;
    const [before, after] = [old.provider, checked.provider].map((reference) => {
      const urn = providerUrn(reference);
      const id = reference.slice(urn.length + 2);
      return {
        urn,
        state: [...this.#context.states()].find((state) => state.urn === urn && (state.id === id || isUnknown(id))),
      };
    });
    if (!before || !after || (isDefault(before.urn) && isDefault(after.urn))) return false;
    const provider = await this.#context.registry.get(checked.provider, this.#context.states());
    const { type, name } = parseUrn(after.urn);
    const oldInputs = withoutInternal(before.state?.inputs ?? {});
    const news = withoutInternal(after.state?.inputs ?? {});
    if (containsUnknowns(news)) return false;
    const diff = await askForConfigDiff(provider, {
      ...{ urn: after.urn, type, name, id: "", oldInputs, news, ignoreChanges: [] },
      oldOutputs: before.state?.outputs ?? {},
    }).catch(() => noDiff);
    return diff.replaceKeys.length > 0;
  }

  async #replace(
    goal: Goal,
    diff: DiffResult,
    changed: Partial<Step>,
    provider: ResourceProvider | undefined,
  ): Promise<Step[]> {
    const old = changed.old as ResourceState;
    this.#refuseProtected(old, changed.new?.protect);
    this.#replaced.add(old.urn);
    // Checked again as if it were new, so that a name that the provider makes up is a fresh one.
    const fresh =
      provider && !this.#isToBeReplaced(old)
        ? await this.#check({ ...(changed.new as ResourceState), inputs: goal.inputs }, {}, provider)
        : changed.new;
    const step = { ...changed, new: fresh };
    const deleteFirst = goal.deleteBeforeReplace ?? diff.deleteBeforeReplace;
    if (!deleteFirst) return old.pendingReplacement ? replacement(step) : createFirst(step);
    return [...(await this.#deletesBefore(old)), ...replacement(step)];
  }

  #refuseProtected(old: ResourceState, stays: boolean | undefined): void {
    if (!old.protect || stays === false) return;
    throw new OperatorError(
      `unable to replace resource "${old.urn}"\nas it is currently marked for protection. To unprotect the resource, remove the ` +
        "`protect` flag from the resource in your Pulumi program and run `up`",
    );
  }

  /** The resource and those that its deletion replaces too, the last dependent first. */
  async #deletesBefore(root: ResourceState): Promise<Step[]> {
    const dependents = await dependentReplacements(root, this.#context.all, this.registered, (state) =>
      this.providerOf(state),
    );
    const steps: Step[] = [];
    const condemned = new Set([root.urn, ...dependents.map(({ urn }) => urn)]);
    for (const state of [root, ...dependents].reverse()) {
      if (state !== root) this.#refuseProtected(state, undefined);
      this.#deleted.add(state.urn);
      this.#replaced.add(state.urn);
      // An earlier run has deleted it, and could not make it anew.
      if (state === root && root.pendingReplacement) continue;
      const provider = await this.providerOf(state);
      const skipProvider =
        Boolean(state.retainOnDelete) || Boolean(state.deletedWith && condemned.has(state.deletedWith));
      steps.push({
        op: "delete-replaced",
        old: state,
        pendingReplacement: true,
        skipProvider,
        ...(provider ? { provider } : {}),
      });
    }
    return steps;
  }
}

/** `[replace, create-replacement]`: the mark that is shown and counted, and the creation. */
function replacement(step: Partial<Step>): Step[] {
  return [
    { ...step, op: "replace" },
    { ...step, op: "create-replacement" },
  ];
}

/** The old one stays until the end of the run. */
const createFirst = (step: Partial<Step>): Step[] => [
  { ...step, op: "create-replacement", pendingDelete: true },
  { ...step, op: "replace" },
];

const isDefault = (urn: string): boolean => /^default(_|$)/.test(parseUrn(urn).name);

function triggered(old: ResourceState["replacementTrigger"], trigger: Goal["replacementTrigger"]): boolean {
  if (old === undefined || old === null || trigger === undefined || trigger === null) return false;
  return containsUnknowns(trigger) || !equal(unwrapSecrets(old), unwrapSecrets(trigger));
}

/** The state that a goal asks for, before anyone has been asked. */
function draftState(urn: string, goal: Goal, inputs: PropertyMap): ResourceState {
  const { sourcePosition, stackTrace, replacementTrigger } = goal;
  return {
    ...{ urn, custom: goal.custom, type: goal.type, inputs, parent: goal.parent },
    protect: goal.protect ?? false,
    dependencies: goal.dependencies,
    provider: goal.custom && !isProviderType(goal.type) ? goal.provider : "",
    propertyDependencies: goal.propertyDependencies,
    additionalSecretOutputs: goal.additionalSecretOutputs,
    customTimeouts: goal.customTimeouts,
    retainOnDelete: goal.retainOnDelete ?? false,
    deletedWith: goal.deletedWith,
    ...(sourcePosition === undefined ? {} : { sourcePosition }),
    ...(stackTrace === undefined ? {} : { stackTrace }),
    ignoreChanges: goal.ignoreChanges,
    hideDiff: goal.hideDiffs,
    replaceOnChanges: goal.replaceOnChanges,
    ...(replacementTrigger === undefined ? {} : { replacementTrigger }),
  };
}
