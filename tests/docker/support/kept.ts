import { strict as assert } from "node:assert";

import type { ResourceProvider } from "../../../engine/plugins/provider";
import type { PropertyMap } from "../../../engine/property/value";
import { typeOf } from "../plugin/cases";

/** One resource that a provider keeps: what a program does to it, and how the provider sees it. */
export class Kept {
  readonly #identity: { urn: string; type: string; name: string };
  provider: ResourceProvider;
  id = "";
  inputs: PropertyMap = {};
  outputs: PropertyMap = {};

  constructor(provider: ResourceProvider, kind: string, name: string) {
    const type = typeOf(kind);
    this.#identity = { urn: `urn:pulumi:dev::octollm::${type}::${name}`, type, name };
    this.provider = provider;
  }

  async create(news: PropertyMap): Promise<this> {
    const { inputs, failures } = await this.provider.check({ ...this.#identity, olds: {}, news });
    assert.deepEqual(failures, []);
    const made = await this.provider.create({ ...this.#identity, inputs, timeout: 0, preview: false });
    Object.assign(this, { inputs, ...made });
    return this;
  }

  /** Paths that the provider wants to change, and how; nothing is done. */
  async diff(news: PropertyMap): Promise<Record<string, string>> {
    const { inputs } = await this.provider.check({ ...this.#identity, olds: this.inputs, news });
    const { id, inputs: oldInputs, outputs: oldOutputs } = this;
    const request = { ...this.#identity, id, oldInputs, oldOutputs, news: inputs, ignoreChanges: [] };
    const { detailedDiff = {} } = await this.provider.diff(request);
    return Object.fromEntries(Object.entries(detailedDiff).map(([path, { kind }]) => [path, kind]));
  }

  async update(news: PropertyMap, preview = false): Promise<void> {
    const { inputs } = await this.provider.check({ ...this.#identity, olds: this.inputs, news });
    const { id, inputs: oldInputs, outputs: oldOutputs } = this;
    const request = { ...this.#identity, id, oldInputs, oldOutputs, news: inputs, ignoreChanges: [] };
    const outputs = await this.provider.update({ ...request, timeout: 0, preview });
    if (!preview) Object.assign(this, { inputs, outputs });
  }

  /** False when it is not there any more. */
  async refresh(): Promise<boolean> {
    const { id, inputs, outputs } = this;
    const read = await this.provider.read({ ...this.#identity, id, inputs, outputs, timeout: 0 });
    if (read.id === "") return false;
    Object.assign(this, { id: read.id, outputs: read.outputs, ...(read.inputs ? { inputs: read.inputs } : {}) });
    return true;
  }

  async delete(): Promise<void> {
    const { id, inputs, outputs } = this;
    await this.provider.delete({ ...this.#identity, id, inputs, outputs, timeout: 0 });
  }
}
