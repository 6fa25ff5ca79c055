import { Command } from "commander";

import { type PlacedService, serviceSpec } from "../phases/site";
import { processRuntime } from "../runtimes/local/process";
import { type ProcessSpec, ServiceError } from "../runtimes/runtime";
import { print } from "./output";

/**
 * `octollm service start|stop <name>`: what the deployment's commands run. Everything but the name comes from the
 * environment, so that the commands themselves never change.
 */
export function serviceCommand(): Command {
  const command = new Command("service").description(
    "start or stop one service of a deployment (used by the program itself)",
  );
  command.command("start <name>").action(async (name: string) => start(await specFromEnvironment(name)));
  command.command("stop <name>").action(async (name: string) => stop(await specFromEnvironment(name)));
  return command;
}

async function specFromEnvironment(name: string): Promise<ProcessSpec> {
  const { OCTOLLM_SERVICE: placed, OCTOLLM_RELEASE: release } = process.env;
  if (placed === undefined || release === undefined)
    throw new Error(
      "OCTOLLM_SERVICE and OCTOLLM_RELEASE are not set: this command belongs to a deployment. Nothing was touched.",
    );
  const spec = await serviceSpec(JSON.parse(placed) as PlacedService, release);
  if (spec.name !== name)
    throw new Error(`OCTOLLM_SERVICE describes '${spec.name}', not '${name}'. Nothing was touched.`);
  return spec;
}

/**
 * A service that does not become healthy is no failure yet: Resume tries again and, within the attempt, brings the old
 * release back, with what the service wrote in its text (docs/decisions.md, 5).
 */
async function start(spec: ProcessSpec): Promise<void> {
  try {
    const state = await processRuntime.start(spec, { progress: print });
    print(state.detail);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    print(`${error.message}\nThe phase Resume will try again.`);
  }
}

async function stop(spec: ProcessSpec): Promise<void> {
  const before = await processRuntime.inspect(spec);
  if (before.running && !before.startedByUs) {
    print(`${spec.name} was not started by this stack and is left running.`);
    return;
  }
  const state = await processRuntime.stop(spec, { progress: print });
  print(state.detail);
}
