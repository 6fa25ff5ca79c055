// Records what the Pulumi CLI on PATH does, for the conformance tests to replay:
//   node -r ./boot/register.cjs tests/engine/conformance/record.ts [name]...
import { execFileSync } from "node:child_process";

import { pulumiCli } from "../support/project";
import { cases } from "./cases";
import { writeRecording } from "./recordings";
import { playCase } from "./separate-stacks";
import { playSettings, settings } from "./settings";
import { playRules } from "./shared-stack";

async function main(names: readonly string[]): Promise<void> {
  const cli = execFileSync("pulumi", ["version"], { encoding: "utf8" }).trim().replace(/^v/, "");
  const isWanted = (name: string): boolean => names.length === 0 || names.includes(name);
  if (isWanted("rules"))
    for (const [name, commands] of await playRules(pulumiCli)) writeRecording(name, { cli, commands });
  if (isWanted(settings)) writeRecording(settings, { cli, commands: await playSettings(pulumiCli) });
  for (const played of cases.filter(({ name }) => isWanted(name)))
    writeRecording(played.name, { cli, commands: await playCase(pulumiCli, played) });
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
