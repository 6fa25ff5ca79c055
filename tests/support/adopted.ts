import assert from "node:assert/strict";

import type { Properties } from "../../provider/codec";
import { Installed, preflight } from "./installed";
import { ProviderProcess } from "./provider-client";

/** An installation of 0.1.0 and a provider that has looked at it. */
export interface Adopted {
  readonly installed: Installed;
  readonly provider: ProviderProcess;
  /** Inputs of Preflight for 0.1.0, as a state would have them. */
  readonly adopted: Properties;
}

/** Makes them before the tests of the suite around it, and removes them after these. */
export function withAdopted(use: (there: Adopted) => void | Promise<void>): void {
  let installed: Installed | undefined;
  let provider: ProviderProcess | undefined;
  before(async () => {
    installed = await Installed.create();
    provider = await ProviderProcess.start();
    const { inputs, failures } = await provider.check(preflight, installed.inputs("0.1.0"));
    assert.deepEqual(failures, []);
    await use({ installed, provider, adopted: inputs });
  });
  after(async () => {
    await provider?.stop();
    await installed?.remove();
  });
}
