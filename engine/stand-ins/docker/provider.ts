import { NotImplementedError } from "../../errors";
import * as provider from "../../plugins/provider";
import { annotateSecrets } from "../../property/annotate-secrets";
import {
  isSecret,
  makeSecret,
  type PropertyMap,
  type PropertyValue,
  unknownValue,
  unwrapSecrets,
} from "../../property/value";
import { containerOperations } from "./container";
import { Engine } from "./engine";
import { callFunction } from "./images";
import type { Operations } from "./operations";
import { plannedOutputs, settledOutputs } from "./planned";
import { readInputs } from "./read-inputs";
import { checkResource, diffResource, resourceType } from "./resources";
import { networkOperations, remoteImageOperations, volumeOperations } from "./small-resources";

const operations: Readonly<Record<string, Operations>> = {
  "docker:index/container:Container": containerOperations,
  "docker:index/network:Network": networkOperations,
  "docker:index/volume:Volume": volumeOperations,
  "docker:index/remoteImage:RemoteImage": remoteImageOperations,
};

const operationsOf = (type: string): Operations => operations[type] as Operations;
const plain = (properties: PropertyMap): PropertyMap => unwrapSecrets(properties) as PropertyMap;
const knownSettings = new Set(["host", "version", "pluginDownloadURL", "__internal"]);

/**
 * The engine's stand-in for Container, Network, Volume, RemoteImage and getRemoteImage where the plugin of @pulumi/docker is
 * not installed: the same checks, differences, ids and outputs, so that the plugin can take over.
 */
export class DockerProvider implements provider.ResourceProvider {
  readonly supportsPreview = true;
  readonly #defaultHost: string;
  #engine: Engine;

  /** @param defaultHost - what DOCKER_HOST says; empty for the system's own engine */
  constructor(defaultHost: string) {
    this.#defaultHost = defaultHost;
    this.#engine = new Engine(defaultHost);
  }

  checkConfig({ news }: provider.CheckRequest): Promise<provider.CheckResult> {
    const unknown = Object.keys(news).find((key) => !knownSettings.has(key) && news[key] != null);
    if (unknown !== undefined)
      throw new NotImplementedError(
        `the setting '${unknown}' of @pulumi/docker's provider without its plugin`,
        "Install pulumi-resource-docker, or use the Pulumi CLI.",
      );
    return Promise.resolve({ inputs: news, failures: [] });
  }

  diffConfig(): Promise<provider.DiffResult> {
    return Promise.resolve(provider.unknownDiff);
  }

  /** @throws EngineError when no engine answers there */
  async configure(_identity: provider.ResourceIdentity & { id: string }, inputs: PropertyMap): Promise<void> {
    const host = unwrapSecrets(inputs.host ?? null);
    this.#engine = new Engine(typeof host === "string" && host !== "" ? host : this.#defaultHost);
    await this.#engine.ping();
  }

  check(request: provider.CheckRequest): Promise<provider.CheckResult> {
    return Promise.resolve().then(() => checkResource(request));
  }

  diff(request: provider.DiffRequest): Promise<provider.DiffResult> {
    return Promise.resolve().then(() => diffResource(request));
  }

  async create({ type, inputs, preview }: provider.CreateRequest): Promise<provider.CreateResult> {
    const { schema } = resourceType(type);
    if (preview)
      return { id: "", outputs: annotateSecrets({ ...plannedOutputs(schema, inputs), id: unknownValue }, inputs) };
    try {
      const { id, outputs } = await operationsOf(type).create(this.#engine, plain(inputs));
      const all = settledOutputs(schema, { ...plannedOutputs(schema, inputs, {}, null), ...outputs, id });
      return { id, outputs: annotateSecrets(all, inputs) };
    } catch (error) {
      if (!(error instanceof provider.InitError)) throw error;
      throw new provider.InitError(error.id, annotateSecrets(error.outputs, inputs), inputs, error.reasons);
    }
  }

  async update({ type, id, news, oldOutputs, preview }: provider.UpdateRequest): Promise<PropertyMap> {
    const { schema } = resourceType(type);
    const olds = plain(oldOutputs);
    const planned = { ...plannedOutputs(schema, news, olds), id };
    if (preview) return annotateSecrets(planned, news);
    const learned = (await operationsOf(type).update?.(this.#engine, id, plain(news), olds)) ?? {};
    return annotateSecrets({ ...plannedOutputs(schema, news, olds, null), ...learned, id }, news);
  }

  async read({ type, id, inputs, outputs }: provider.ReadRequest): Promise<provider.ReadResult> {
    const { schema } = resourceType(type);
    const operation = operationsOf(type);
    const known = plain(outputs);
    const found = await operation.read(this.#engine, id, known);
    if (!found) return { id: "", outputs: {} };
    const isImport = Object.keys(outputs).length === 0;
    const base = isImport ? emptyOutputs(schema) : plannedOutputs(schema, known, known, null);
    const all: PropertyMap = { ...base, ...found };
    all.id = operation.idOf?.(all) ?? id;
    return {
      id: String(all.id),
      outputs: secretAs(all, outputs),
      inputs: secretAs(readInputs(schema, plain(inputs), all), inputs),
    };
  }

  async delete({ type, id, outputs }: provider.DeleteRequest): Promise<void> {
    resourceType(type);
    await operationsOf(type).delete(this.#engine, id, plain(outputs));
  }

  async invoke(token: string, args: PropertyMap): Promise<provider.CheckResult> {
    return { inputs: await callFunction(this.#engine, token, plain(args)), failures: [] };
  }

  cancel(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const emptyOutputs = (schema: object): PropertyMap => Object.fromEntries(Object.keys(schema).map((key) => [key, null]));

function secretAs(properties: PropertyMap, before: PropertyMap): PropertyMap {
  const mark = (key: string, value: PropertyValue): PropertyValue =>
    isSecret(before[key]) ? makeSecret(value) : value;
  return Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, mark(key, value)]));
}
