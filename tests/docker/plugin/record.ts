// Records what the plugin of @pulumi/docker on PATH says, for the tests of its stand-in:
//   tests/docker/support/ring -- node -r ./boot/register.cjs tests/docker/plugin/record.ts
import { writeFileSync } from "node:fs";

import type { ResourceProvider } from "../../../engine/plugins/provider";
import type { PropertyMap } from "../../../engine/property/value";
import { startEngine } from "../support/engine";
import { checkCases, diffCases, inputs, kinds, type StateName, typeOf } from "./cases";
import { realPlugin } from "./real-plugin";
import { type RecordedState, type Recording, recordingPath } from "./recording";

const seed = Buffer.alloc(32, 7);
const identityOf = (kind: string, name: string) => {
  const type = typeOf(kind);
  return { urn: `urn:pulumi:dev::octollm::${type}::${name}`, type, name };
};

async function make(plugin: ResourceProvider, state: StateName): Promise<RecordedState> {
  const identity = identityOf(kinds[state], state);
  const checked = await plugin.check({ ...identity, olds: {}, news: inputs[state], randomSeed: seed });
  const made = await plugin.create({ ...identity, inputs: checked.inputs, timeout: 0, preview: false });
  return { inputs: checked.inputs, ...made };
}

/** States of `web` that others leave: an import, and a container that did not become healthy in time. */
async function derived(
  plugin: ResourceProvider,
  web: RecordedState,
): Promise<Record<"imported" | "broken", RecordedState>> {
  const imported = await plugin.read({
    ...identityOf("Container", "web"),
    id: web.id,
    inputs: {},
    outputs: {},
    timeout: 0,
  });
  const lacking = ["command", "entrypoints", "networkDatas", "securityOpts", "__pulumi_raw_state_delta", "__meta"];
  const kept = Object.entries(web.outputs).filter(([key]) => !lacking.includes(key));
  return {
    imported: { id: web.id, inputs: web.inputs, outputs: imported.outputs },
    broken: { id: web.id, inputs: web.inputs, outputs: Object.fromEntries(kept) },
  };
}

async function record(): Promise<Recording> {
  const plugin = await realPlugin((await startEngine()).host);
  const states: Partial<Record<StateName, RecordedState>> = {};
  for (const state of ["network", "volume", "image", "web", "bare"] as const) states[state] = await make(plugin, state);
  Object.assign(states, await derived(plugin, states.web as RecordedState));
  const checks: Recording["checks"] = {};
  for (const { name, kind, inputs: news } of checkCases)
    checks[name] = await plugin.check({ ...identityOf(kind, "it"), olds: {}, news, randomSeed: seed });
  const diffs: Recording["diffs"] = {};
  for (const { name, state, inputs: news, ignoreChanges = [] } of diffCases) {
    const identity = identityOf(kinds[state], state);
    const { id, inputs: oldInputs, outputs: oldOutputs } = states[state] as RecordedState;
    const checked = await plugin.check({ ...identity, olds: oldInputs, news, randomSeed: seed });
    const request = { ...identity, id, oldInputs, oldOutputs, news: checked.inputs, ignoreChanges };
    diffs[name] = await plugin.diff(request).catch((error: unknown) => ({ error: String(error) }));
  }
  await plugin.close();
  return { plugin: "5.2.0", states: states as Record<StateName, RecordedState>, checks, diffs };
}

/** Without what differs at every recording and nothing depends on. */
const settled = (key: string, value: PropertyMap[string]): PropertyMap[string] =>
  key === "mountpoint" ? "/var/lib/docker/volumes/standin-data/_data" : value;

record().then(
  (recording) => {
    writeFileSync(recordingPath, `${JSON.stringify(recording, settled, 1)}\n`);
    process.exit(0);
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
