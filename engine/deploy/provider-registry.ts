import { randomUUID } from "node:crypto";

import * as provider from "../plugins/provider";
import { omit } from "../property/omit";
import {
  containsUnknowns,
  equal,
  isPlainObject,
  isSecret,
  makeSecret,
  type PropertyMap,
  type PropertyValue,
  unknownValue,
  unwrapSecrets,
} from "../property/value";
import { providerUrn, type ResourceState } from "../state/resource";
import { packageOf, parseUrn } from "../state/urn";

const internalKey = "__internal";
const versionKey = "version";

/** Starts the plugin of a package. */
export type ProviderLoader = (packageName: string, version: string | undefined) => Promise<provider.ResourceProvider>;

/** A provider's inputs as its plugin sees them. */
export function withoutInternal(inputs: PropertyMap): PropertyMap {
  return omit(inputs, internalKey);
}

function versionOf(inputs: PropertyMap): string | undefined {
  return typeof inputs[versionKey] === "string" ? inputs[versionKey] : undefined;
}

const plainSettings = (inputs: PropertyMap): PropertyMap => unwrapSecrets(withoutInternal(inputs)) as PropertyMap;

/** Asks a plugin what a change of its own settings means. */
export function askForConfigDiff(
  asked: provider.ResourceProvider,
  request: provider.DiffRequest,
): Promise<provider.DiffResult> {
  return asked.diffConfig({
    ...request,
    id: "",
    oldInputs: plainSettings(request.oldInputs),
    oldOutputs: plainSettings(request.oldOutputs),
    news: plainSettings(request.news),
  });
}

/** A value with secret marks where another one has them. */
function secretLike(value: PropertyValue, marked: PropertyValue | undefined): PropertyValue {
  if (isSecret(marked)) return makeSecret(value);
  if (!isPlainObject(value) || !isPlainObject(marked)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, secretLike(item, marked[key])]));
}

/**
 * Providers are resources too, and this is their provider: to create one is to configure its plugin. It also keeps every
 * plugin that runs, by `urn::id`.
 */
export class ProviderRegistry implements provider.ResourceProvider {
  readonly supportsPreview = true;
  readonly #load: ProviderLoader;
  readonly #unconfigured = new Map<string, provider.ResourceProvider>();
  readonly #configured = new Map<string, Promise<provider.ResourceProvider>>();
  readonly #started = new Set<provider.ResourceProvider>();
  #closed = false;

  constructor(load: ProviderLoader) {
    this.#load = load;
  }

  async #start(type: string, inputs: PropertyMap): Promise<provider.ResourceProvider> {
    const started = await this.#load(packageOf(type), versionOf(inputs));
    this.#started.add(started);
    if (this.#closed) await started.close();
    return started;
  }

  async #configure(
    started: provider.ResourceProvider,
    urn: string,
    id: string,
    inputs: PropertyMap,
  ): Promise<provider.ResourceProvider> {
    if (containsUnknowns(inputs)) return new UnconfiguredProvider();
    const { type, name } = parseUrn(urn);
    await started.configure({ urn, type, name, id }, withoutInternal(inputs));
    return started;
  }

  #take(urn: string, inputs: PropertyMap): Promise<provider.ResourceProvider> {
    const unconfigured = this.#unconfigured.get(urn);
    this.#unconfigured.delete(urn);
    return unconfigured ? Promise.resolve(unconfigured) : this.#start(parseUrn(urn).type, inputs);
  }

  #register(urn: string, id: string, inputs: PropertyMap): Promise<provider.ResourceProvider> {
    const configured = this.#take(urn, inputs).then((started) => this.#configure(started, urn, id, inputs));
    this.#configured.set(`${urn}::${id}`, configured);
    return configured;
  }

  /** The provider that a reference names; one that this run has not registered is configured as its state says. */
  get(reference: string, states: Iterable<ResourceState>): Promise<provider.ResourceProvider> {
    const running = this.#configured.get(reference);
    if (running) return running;
    const urn = providerUrn(reference);
    const id = reference.slice(urn.length + 2);
    const state = [...states].find((candidate) => candidate.urn === urn && candidate.id === id);
    if (!state) return Promise.reject(new Error(`the provider ${reference} is not in the state`));
    const inputs = state.inputs ?? {};
    const configured = this.#start(state.type, inputs).then((started) => this.#configure(started, urn, id, inputs));
    this.#configured.set(reference, configured);
    return configured;
  }

  async checkConfig(): Promise<provider.CheckResult> {
    return Promise.reject(new Error("a provider has no provider of its own"));
  }

  diffConfig(): Promise<provider.DiffResult> {
    return Promise.reject(new Error("a provider has no provider of its own"));
  }

  configure(): Promise<void> {
    return Promise.resolve();
  }

  async check(request: provider.CheckRequest): Promise<provider.CheckResult> {
    const started = await this.#start(request.type, request.news);
    // Plugins are asked about their own settings in plain text; what was secret is marked again in what they answer.
    const asked = { ...request, olds: plainSettings(request.olds), news: plainSettings(request.news) };
    const { inputs, failures } = await started.checkConfig(asked);
    if (failures.length > 0) return { inputs, failures };
    const result = { inputs: secretLike(inputs, request.news) as PropertyMap };
    this.#unconfigured.set(request.urn, started);
    const kept: PropertyMap = {};
    for (const key of [versionKey, internalKey]) if (request.news[key] !== undefined) kept[key] = request.news[key];
    return { inputs: { ...result.inputs, ...kept }, failures: [] };
  }

  async diff(request: provider.DiffRequest): Promise<provider.DiffResult> {
    const news = withoutInternal(request.news);
    const asked = this.#unconfigured.get(request.urn);
    const diff = asked ? await askForConfigDiff(asked, request) : provider.unknownDiff;
    if (diff.changes !== "unknown") return diff;
    return { ...diff, changes: equal(request.oldOutputs, news) ? "none" : "some" };
  }

  async create({ urn, inputs, preview }: provider.CreateRequest): Promise<provider.CreateResult> {
    const id = preview ? unknownValue : randomUUID();
    await this.#register(urn, id, inputs);
    return { id, outputs: withoutInternal(inputs) };
  }

  async update({ urn, id, news }: provider.UpdateRequest): Promise<PropertyMap> {
    await this.#register(urn, id, news);
    return withoutInternal(news);
  }

  /** An unchanged provider is configured as it was, when somebody needs it. */
  same(state: ResourceState): void {
    const reference = `${state.urn}::${state.id ?? ""}`;
    if (!this.#configured.has(reference))
      void this.#register(state.urn, state.id ?? "", state.inputs ?? {}).catch(() => undefined);
  }

  read({ id, inputs, outputs }: provider.ReadRequest): Promise<provider.ReadResult> {
    return Promise.resolve({ id, inputs, outputs });
  }

  delete(): Promise<void> {
    return Promise.resolve();
  }

  invoke(): Promise<provider.CheckResult> {
    return Promise.reject(new Error("providers have no functions"));
  }

  async cancel(): Promise<void> {
    await Promise.all([...this.#started].map((started) => started.cancel()));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.cancel();
    await Promise.all([...this.#started].map((started) => started.close()));
  }
}

const unknownSettings =
  "The provider for this resource has inputs that are not known during preview.\n" +
  "This preview may not correctly represent the changes that will be applied during an update.";

/** Stands for a provider whose settings are not known yet, in a preview: it is not asked anything. */
class UnconfiguredProvider implements provider.ResourceProvider {
  readonly supportsPreview = true;
  checkConfig = (request: provider.CheckRequest): Promise<provider.CheckResult> => this.check(request);
  diffConfig = (): Promise<provider.DiffResult> => this.diff();
  configure = (): Promise<void> => Promise.resolve();
  check = ({ news }: provider.CheckRequest): Promise<provider.CheckResult> =>
    Promise.resolve({ inputs: news, failures: [] });
  diff = (): Promise<provider.DiffResult> => Promise.resolve({ ...provider.someDiff, unavailable: unknownSettings });
  create = (): Promise<provider.CreateResult> => Promise.resolve({ id: "", outputs: {} });
  update = (): Promise<PropertyMap> => Promise.resolve({});
  read = ({ id, inputs, outputs }: provider.ReadRequest): Promise<provider.ReadResult> =>
    Promise.resolve({ id, inputs, outputs });
  delete = (): Promise<void> => Promise.resolve();
  invoke = (): Promise<provider.CheckResult> => Promise.resolve({ inputs: {}, failures: [] });
  cancel = (): Promise<void> => Promise.resolve();
  close = (): Promise<void> => Promise.resolve();
}
