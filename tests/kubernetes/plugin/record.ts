// Records what the plugin of @pulumi/kubernetes on PATH says, for the tests of its stand-in:
//   tests/kubernetes/support/ring -- node -r ./boot/register.cjs tests/kubernetes/plugin/record.ts
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

import type { ResourceProvider } from "../../../engine/plugins/provider";
import type { PropertyMap } from "../../../engine/property/value";
import { identityOf } from "../../support/kept";
import { checkCases, diffCases, inputs, type StateName, types } from "./cases";
import { realPlugin } from "./real-plugin";
import { type RecordedLife, type Recording, recordingPath } from "./recording";

const seed = Buffer.alloc(32, 7);

async function live(plugin: ResourceProvider, state: StateName): Promise<RecordedLife> {
  const identity = identityOf(types[state], state);
  const { inputs: news } = await plugin.check({ ...identity, olds: {}, news: inputs[state], randomSeed: seed });
  const previewed = await plugin.create({ ...identity, inputs: news, timeout: 0, preview: true });
  const created = { inputs: news, ...(await plugin.create({ ...identity, inputs: news, timeout: 0, preview: false })) };
  const read = await plugin.read({ ...identity, ...created, timeout: 0 });
  return { previewed: previewed.outputs, created, refreshed: { ...created, ...read } };
}

async function record(): Promise<Recording> {
  const kubeconfig = process.env.KUBECONFIG ?? "";
  const plugins = { own: await realPlugin({ kubeconfig }), plain: await realPlugin({ kubeconfig, settings: {} }) };
  const lives: Partial<Record<StateName, RecordedLife>> = {};
  // The namespace first.
  for (const state of ["namespace", ...Object.keys(types)] as StateName[])
    lives[state] ??= await live(plugins.own, state);
  const checks: Recording["checks"] = {};
  for (const { name, state, inputs: news, olds } of checkCases)
    checks[name] = await plugins.own.check({ ...identityOf(types[state], "it"), olds, news, randomSeed: seed });
  const diffs: Recording["diffs"] = {};
  for (const { name, state, inputs: news, ignoreChanges, plain } of diffCases) {
    const plugin = plain ? plugins.plain : plugins.own;
    const identity = identityOf(types[state], state);
    const { id, inputs: oldInputs, outputs: oldOutputs } = (lives[state] as RecordedLife).created;
    const checked = await plugin.check({ ...identity, olds: oldInputs, news, randomSeed: seed });
    const request = { ...identity, id, oldInputs, oldOutputs, news: checked.inputs, ignoreChanges };
    diffs[name] = await plugin.diff(request).catch((error: unknown) => ({ error: String(error) }));
  }
  for (const state of (Object.keys(types) as StateName[]).toReversed()) {
    const { created } = lives[state] as RecordedLife;
    await plugins.own.delete({ ...identityOf(types[state], state), ...created, timeout: 60 });
  }
  await Promise.all([plugins.own.close(), plugins.plain.close()]);
  return { plugin: "4.34.2", lives: lives as Recording["lives"], checks, diffs };
}

/** Without what differs at every recording and nothing depends on. */
function settled(key: string, value: PropertyMap[string]): PropertyMap[string] | undefined {
  if (["creationTimestamp", "time"].includes(key) && typeof value === "string") return "2026-01-01T00:00:00Z";
  if (key === "uid" && typeof value === "string") return "00000000-0000-0000-0000-000000000000";
  return key === "resourceVersion" ? "1" : value;
}

record().then(
  (recording) => {
    mkdirSync(dirname(recordingPath), { recursive: true });
    writeFileSync(recordingPath, `${JSON.stringify(recording, settled, 1)}\n`);
    process.exit(0);
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
