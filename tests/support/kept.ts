import { strict as assert } from "node:assert";

import type { ResourceProvider } from "../../engine/plugins/provider";
import type { PropertyMap } from "../../engine/property/value";

interface Identity {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
}

/** What an engine calls a resource of the test stack. */
export const identityOf = (type: string, name: string): Identity => ({
  urn: `urn:pulumi:dev::octollm::${type}::${name}`,
  type,
  name,
});

/** One resource that a provider keeps: what a program does to it, and how the provider sees it. */
export class KeptResource {
  readonly #identity: Identity;
  provider: ResourceProvider;
  id = "";
  inputs: PropertyMap = {};
  outputs: PropertyMap = {};

  constructor(provider: ResourceProvider, type: string, name: string) {
    this.#identity = identityOf(type, name);
    this.provider = provider;
  }

  async create(news: PropertyMap, timeout = 0): Promise<this> {
    const { inputs, failures } = await this.provider.check({ ...this.#identity, olds: {}, news });
    assert.deepEqual(failures, []);
    const made = await this.provider.create({ ...this.#identity, inputs, timeout, preview: false });
    Object.assign(this, { inputs, ...made });
    return this;
  }

  /** What a preview of its creation would answer; nothing is done. */
  async previewed(news: PropertyMap): Promise<PropertyMap> {
    const { inputs } = await this.provider.check({ ...this.#identity, olds: {}, news });
    return (await this.provider.create({ ...this.#identity, inputs, timeout: 0, preview: true })).outputs;
  }

  /** Paths that the provider wants to change, and how; nothing is done. */
  async diff(news: PropertyMap): Promise<Record<string, string>> {
    const { inputs } = await this.provider.check({ ...this.#identity, olds: this.inputs, news });
    const { id, inputs: oldInputs, outputs: oldOutputs } = this;
    const request = { ...this.#identity, id, oldInputs, oldOutputs, news: inputs, ignoreChanges: [] };
    const { detailedDiff = {} } = await this.provider.diff(request);
    return Object.fromEntries(Object.entries(detailedDiff).map(([path, { kind }]) => [path, kind]));
  }

  async update(news: PropertyMap, preview = false, timeout = 0, ignoreChanges: string[] = []): Promise<void> {
    const { inputs } = await this.provider.check({ ...this.#identity, olds: this.inputs, news });
    const { id, inputs: oldInputs, outputs: oldOutputs } = this;
    const request = { ...this.#identity, id, oldInputs, oldOutputs, news: inputs, ignoreChanges };
    const outputs = await this.provider.update({ ...request, timeout, preview });
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

  async delete(timeout = 0): Promise<void> {
    const { id, inputs, outputs } = this;
    await this.provider.delete({ ...this.#identity, id, inputs, outputs, timeout });
  }
}
