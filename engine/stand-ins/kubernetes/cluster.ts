import { ask, patchTypes } from "../../../runtimes/kubernetes/client";
import { ClusterError } from "../../../runtimes/kubernetes/errors";
import { chooseConfig } from "../../../runtimes/kubernetes/kubeconfig";
import type { ClusterPlace } from "../../../runtimes/runtime";
import type { PropertyMap } from "../../property/value";
import { creator } from "./field-managers";
import { type Kind, pathOf } from "./kinds";
import { metadataText } from "./metadata";

/** How an object is applied. */
export interface Application {
  readonly fieldManager: string;
  readonly force: boolean;
  /** Asks the server what would become of it. */
  readonly dryRun: boolean;
}

const dryRunOf = (dryRun: boolean): Record<string, string> => (dryRun ? { dryRun: "All" } : {});

/** One cluster, as plain objects of its API. */
export class Cluster {
  readonly #place: ClusterPlace;

  /** @param place - its namespace is that of objects that name none; empty for the context's */
  constructor({ kubeconfig, context, namespace }: ClusterPlace) {
    this.#place = { kubeconfig, context, namespace };
  }

  /** The same cluster, as those see it who look at one namespace. */
  placeOf(namespace: string): ClusterPlace {
    return { ...this.#place, namespace };
  }

  /** Namespace of objects that name none. @throws ClusterError without a kubeconfig */
  async namespace(): Promise<string> {
    if (this.#place.namespace !== "") return this.#place.namespace;
    const { config, context } = await chooseConfig(this.#place);
    return config.getContextObject(context)?.namespace ?? "default";
  }

  /** Null when there is no such object. @throws ClusterError */
  get(kind: Kind, namespace: string, name: string): Promise<PropertyMap | null> {
    return ask<PropertyMap>(this.#place, { path: pathOf(kind, namespace, name) });
  }

  /** What is behind a path of the API: a list, another kind's object. Null when there is no such thing. @throws ClusterError */
  look<T>(path: string, query: Readonly<Record<string, string>> = {}): Promise<T | null> {
    return ask<T>(this.#place, { path, query });
  }

  /** Makes an object that is not there yet. @throws ClusterError, 404 where its namespace is not there */
  async create(kind: Kind, object: PropertyMap, dryRun: boolean): Promise<PropertyMap> {
    const namespace = metadataText(object, "namespace");
    const query = { fieldManager: creator, ...dryRunOf(dryRun) };
    const path = pathOf(kind, namespace);
    return found(await ask(this.#place, { method: "POST", path, query, body: object }), `namespace '${namespace}'`);
  }

  /** Makes an object, or changes what it says of one. @throws ClusterError, 404 where it or its namespace is not there */
  async apply(kind: Kind, object: PropertyMap, { fieldManager, force, dryRun }: Application): Promise<PropertyMap> {
    const [namespace, name] = [metadataText(object, "namespace"), metadataText(object, "name")];
    const query = { fieldManager, force: String(force), ...dryRunOf(dryRun) };
    const request = { path: pathOf(kind, namespace, name), query, type: patchTypes.apply, body: object };
    return found(await ask(this.#place, { ...request, method: "PATCH" }), `${kind.plural} '${name}' or its namespace`);
  }

  /** Changes an object by a JSON patch. @throws ClusterError */
  async patch(kind: Kind, object: PropertyMap, patch: readonly unknown[], fieldManager: string): Promise<PropertyMap> {
    const [namespace, name] = [metadataText(object, "namespace"), metadataText(object, "name")];
    const request = {
      path: pathOf(kind, namespace, name),
      query: { fieldManager },
      type: patchTypes.json,
      body: patch,
    };
    return found(await ask(this.#place, { ...request, method: "PATCH" }), `${kind.plural} '${name}'`);
  }

  /** False when there was none. @throws ClusterError */
  async delete(kind: Kind, namespace: string, name: string, propagationPolicy: string): Promise<boolean> {
    const body = { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy };
    return (await ask(this.#place, { method: "DELETE", path: pathOf(kind, namespace, name), body })) !== null;
  }
}

function found(answer: PropertyMap | null, what: string): PropertyMap {
  if (answer !== null) return answer;
  throw new ClusterError(`There is no ${what}.`, 404);
}
