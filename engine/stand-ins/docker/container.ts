import { setTimeout as sleep } from "node:timers/promises";

import type { ContainerInspectInfo } from "dockerode";

import { EngineError } from "../../../runtimes/docker/engine";
import { withoutFrames } from "../../../runtimes/docker/log";
import { InitError } from "../../plugins/provider";
import { equal, type PropertyMap } from "../../property/value";
import { changeable, createBody, endpointsOf } from "./container-body";
import { inspectedOutputs } from "./container-outputs";
import type { Engine } from "./engine";
import { imageOf } from "./images";
import type { Operations } from "./operations";
import { plannedOutputs } from "./planned";
import { container as schema } from "./schema";
import { textOf } from "./values";

const healthPoll = 250;
const updatable = ["restart", "maxRetryCount", "cpuShares", "memory", "memoryReservation", "cpuSet", "memorySwap"];

async function inspect(engine: Engine, id: string): Promise<ContainerInspectInfo | null> {
  return engine.find((docker) => docker.getContainer(id).inspect());
}

/** A container that was made but is not as it should be: the state remembers it, and the next `up` replaces it. */
function notInOrder(id: string, inputs: PropertyMap, reason: string): InitError {
  const planned = plannedOutputs(schema, inputs, {}, null);
  // No look at it can tell these: unknown, they would have it replaced even after one.
  const told = { envs: planned.envs ?? [], labels: planned.labels ?? [] };
  return new InitError(id, { ...planned, ...told, id }, inputs, [reason]);
}

async function connect(engine: Engine, id: string, inputs: PropertyMap): Promise<void> {
  const endpoints = endpointsOf(inputs);
  if (endpoints.length === 0) return;
  const name = textOf(inputs.name);
  const next = `Container '${name}' was made and not started. Run 'npx octollm up' again once that is put right.`;
  await engine
    .settle(
      `Unable to disconnect '${name}' from the default network`,
      (docker) => docker.getNetwork("bridge").disconnect({ Container: id }),
      next,
    )
    .catch((error: unknown) => {
      if (!/is not connected to (the )?network/.test(String(error))) throw error;
    });
  for (const { network, EndpointConfig } of endpoints)
    await engine.change(
      `Unable to connect '${name}' to network '${network}'`,
      (docker) => docker.getNetwork(network).connect({ Container: id, EndpointConfig }),
      next,
    );
}

function lastHealthOutput({ State }: ContainerInspectInfo): string {
  const last = State.Health?.Log?.at(-1);
  return last
    ? ` Its last check ended with ${last.ExitCode}: ${last.Output.trim().slice(0, 200) || "(no output)"}.`
    : "";
}

/** @throws when it is not healthy in time */
async function awaitHealth(engine: Engine, id: string, { name, waitTimeout }: PropertyMap): Promise<void> {
  const where = `container '${textOf(name)}' on '${engine.address}'`;
  const look = `Look at it with 'docker logs ${textOf(name)}'.`;
  const end = Date.now() + Number(waitTimeout ?? 60) * 1000;
  for (;;) {
    const found = await inspect(engine, id);
    if (!found) throw new Error(`container failed to be in healthy state: ${where} is gone.`);
    if (!found.State.Health)
      throw new Error(
        `you have supplied a 'wait' argument, but the container does not have a healthcheck defined: ${where} runs. ` +
          "Remove 'wait' or add a 'healthcheck', and run 'npx octollm up' again.",
      );
    if (found.State.Health.Status === "healthy") return;
    if (Date.now() > end)
      throw new Error(
        `container failed to be in healthy state: ${where} is ${found.State.Health.Status} after ${textOf(waitTimeout)} s and was ` +
          `left as it is.${lastHealthOutput(found)} ${look}`,
      );
    await sleep(healthPoll);
  }
}

/** Waits for its end; answers what it wrote, if that is wanted. */
async function awaitEnd(engine: Engine, id: string, { logs, name }: PropertyMap): Promise<PropertyMap> {
  const next = "It was left as it is.";
  await engine.change(
    `Unable to wait for the end of '${textOf(name)}'`,
    (docker) => docker.getContainer(id).wait(),
    next,
  );
  if (logs !== true) return {};
  const written = await engine.change(
    `Unable to read the log of '${textOf(name)}'`,
    (docker) => docker.getContainer(id).logs({ stdout: true, stderr: true }),
    next,
  );
  return { containerLogs: withoutFrames(written) };
}

async function run(engine: Engine, id: string, inputs: PropertyMap): Promise<PropertyMap> {
  await connect(engine, id, inputs);
  if (inputs.start === false) return {};
  await engine.change(
    `Unable to start container '${textOf(inputs.name)}'`,
    (docker) => docker.getContainer(id).start(),
    "It was made and does not run. Put that right, then run 'npx octollm up' again.",
  );
  if (inputs.wait === true) await awaitHealth(engine, id, inputs);
  return inputs.attach === true ? awaitEnd(engine, id, inputs) : {};
}

async function start(engine: Engine, id: string, name: string): Promise<void> {
  const next = "If it is gone, run 'npx octollm refresh', then 'npx octollm up'.";
  const what = `Unable to start container '${name}'`;
  await engine
    .change(what, (docker) => docker.getContainer(id).start(), next)
    .catch((error: unknown) => {
      if (!(error instanceof EngineError) || error.status !== 304) throw error;
    });
}

/** docker.Container. Its id is the engine's, all 64 digits. */
export const containerOperations: Operations = {
  async create(engine, inputs) {
    const name = textOf(inputs.name);
    const image = textOf(inputs.image);
    await imageOf(engine, image).catch((error: unknown) => {
      throw new Error(`Unable to create container '${name}' with image ${image}: ${(error as Error).message}`, {
        cause: error,
      });
    });
    const { id } = await engine.change(
      `Unable to create container '${name}'`,
      (docker) => docker.createContainer(createBody(inputs)),
      `Look at what is there with 'docker ps --all --filter name=${name}'.`,
    );
    let ended: PropertyMap;
    try {
      ended = await run(engine, id, inputs);
    } catch (error) {
      throw notInOrder(id, inputs, (error as Error).message);
    }
    const found = await inspect(engine, id);
    if (!found) throw new Error(`Container '${name}' was made on '${engine.address}' and is gone already.`);
    return { id, outputs: { ...inspectedOutputs(found, plannedOutputs(schema, inputs, {}, null)), ...ended } };
  },

  async read(engine, id, known) {
    const found = await inspect(engine, id);
    // A name or the beginning of an id finds a container too; as an id of a state it is none.
    return found?.Id === id ? inspectedOutputs(found, known) : null;
  },

  async update(engine, id, inputs, olds) {
    const name = textOf(inputs.name);
    if (olds.mustRun === false && inputs.mustRun === true && inputs.start === true) await start(engine, id, name);
    const planned = plannedOutputs(schema, inputs, olds);
    if (updatable.some((key) => !equal(planned[key] ?? null, olds[key] ?? null)))
      await engine.change(
        `Unable to update container '${name}'`,
        (docker) => docker.getContainer(id).update(changeable(inputs)),
        "If it is gone, run 'npx octollm refresh', then 'npx octollm up'.",
      );
    return {};
  },

  async delete(engine, id, olds) {
    const name = textOf(olds.name);
    const next = `Look at it with 'docker inspect ${name}', then run 'npx octollm up' again.`;
    // Only the grace of the state counts: without one it gets SIGKILL at once.
    const grace = Math.max(0, Number(olds.destroyGraceSeconds ?? 0));
    if (olds.attach !== true)
      await engine.settle(
        `Unable to stop container '${name}'`,
        (docker) => docker.getContainer(id).stop({ t: grace }),
        next,
      );
    await engine
      .settle(
        `Unable to remove container '${name}'`,
        (docker) => docker.getContainer(id).remove({ force: true, v: olds.removeVolumes !== false }),
        next,
      )
      .catch((error: unknown) => {
        if (!String(error).includes("is already in progress")) throw error;
      });
  },
};
