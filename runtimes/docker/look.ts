import type { ContainerInspectInfo } from "dockerode";

import { askHealth, askHealthAt, type HealthAnswer, isHealthy } from "../health";
import { holderOf } from "../local/look";
import { listenersOn } from "../local/processes";
import type { ContainerSpec, ServiceState } from "../runtime";
import { withoutSecrets } from "../secrets";
import { ask, engineAddress } from "./engine";
import { labels, retiredName } from "./labels";
import { ownUrl } from "./own-address";

/** The containers of a service. */
export interface Both {
  /** The container that has the service's name. */
  readonly present: ContainerInspectInfo | null;
  /** The one of the release before, which waits. */
  readonly retired: ContainerInspectInfo | null;
}

/** Everything that one look at a service's containers finds. */
export interface ContainerLook extends Both {
  readonly state: ServiceState;
}

/** Looks at a service's containers, its port and health, and touches nothing. @throws EngineError */
export async function lookAt(spec: ContainerSpec): Promise<ContainerLook> {
  const { present, retired } = await inspectBoth(spec);
  return { present, retired, state: await stateOf(spec, present, retired) };
}

/** The containers of a service. @throws EngineError */
export async function inspectBoth({ engine, container }: ContainerSpec): Promise<Both> {
  const [present, retired] = await Promise.all([
    inspectContainer(engine, container),
    inspectContainer(engine, retiredName(container)),
  ]);
  return { present, retired };
}

/** A container by its name or id; null when there is none. */
export async function inspectContainer(engine: string, name: string): Promise<ContainerInspectInfo | null> {
  const found = await ask(engine, (docker) => docker.getContainer(name).inspect());
  // The engine takes the beginning of an id for a name as well: `db` may be anybody's.
  return found !== null && (found.Name === `/${name}` || found.Id === name) ? found : null;
}

/** The release that a container was made for: by our label, else by the tag of its image. */
export function releaseOf({ Config }: ContainerInspectInfo): string | null {
  const label = Config.Labels[labels.release];
  const [, tag] = /:v?(\d+\.\d+\.\d+)$/.exec(Config.Image) ?? [];
  return label ?? tag ?? null;
}

/** Whether a container is of the release that is to serve; one that says none is taken for what it is to be. */
export function isOfRelease(
  { release }: ContainerSpec,
  container: ContainerInspectInfo | null,
): container is ContainerInspectInfo {
  return container !== null && (releaseOf(container) ?? release) === release;
}

/** The attempt that made a container; null for one that the stack has not declared. */
export function attemptOf({ Config }: ContainerInspectInfo): number | null {
  const label = Config.Labels[labels.attempt];
  return label === undefined ? null : Number(label);
}

async function stateOf(
  spec: ContainerSpec,
  present: ContainerInspectInfo | null,
  retired: ContainerInspectInfo | null,
): Promise<ServiceState> {
  const none = { running: false, healthy: false, pid: null, release: null, startedByUs: false, asSpecified: null };
  if (present === null) {
    const retiredRuns = retired?.State.Running === true;
    const detail = `there is no container '${spec.container}'`;
    return {
      ...none,
      running: retiredRuns,
      release: retiredRuns ? releaseOf(retired) : null,
      obstructed: null,
      detail,
    };
  }
  const { State, Name } = present;
  const name = Name.slice(1);
  // A container that crashes again and again counts as running to the engine.
  const running = State.Running && !State.Restarting;
  const known = releaseOf(present);
  if (!running) {
    const obstructed = retired?.State.Running ? null : obstruction(spec);
    const detail = State.Restarting
      ? `container '${name}' crashes and is restarted again and again; it ended with exit code ${State.ExitCode}`
      : `container '${name}' is ${State.Status}, exit code ${State.ExitCode}`;
    return { ...none, release: known, obstructed, detail: obstructed === null ? detail : `${detail}; ${obstructed}` };
  }
  const answer = spec.port === 0 ? await askEarly(spec, present) : await askHealth(spec.port, spec.health);
  const healthy = isWell(present, answer);
  return {
    running,
    healthy,
    pid: State.Pid,
    release: answer?.version ?? known,
    startedByUs: attemptOf(present) !== null,
    startedAt: State.StartedAt,
    asSpecified: null,
    obstructed: null,
    detail: `container '${name}' is ${describeHealth(spec, present, answer, healthy)}`,
  };
}

/**
 * Docker makes its first check only after a whole interval. A container without a published port that answers well at its own
 * address before is well; any other answer may be that of a path that it does not know.
 */
async function askEarly(
  { engine, health }: ContainerSpec,
  container: ContainerInspectInfo,
): Promise<HealthAnswer | null> {
  if (container.State.Health?.Status !== "starting") return null;
  const url = await ownUrl(engine, container);
  const answer = url === null ? null : await askHealthAt(url + health);
  return answer !== null && isHealthy(answer) ? answer : null;
}

/** What Docker's own check says counts; where it has not run yet, or there is none, the port's answer does. */
export function isWell({ State }: ContainerInspectInfo, answer: HealthAnswer | null): boolean {
  const status = State.Health?.Status;
  if (State.Paused || status === "unhealthy") return false;
  if (answer !== null) return isHealthy(answer);
  return status === undefined || status === "none" || status === "healthy";
}

function describeHealth(
  { port, health, environment }: ContainerSpec,
  { State }: ContainerInspectInfo,
  answer: HealthAnswer | null,
  healthy: boolean,
): string {
  const [said] = withoutSecrets(State.Health?.Log?.at(-1)?.Output ?? "", environment)
    .trim()
    .split("\n");
  const check = State.Health
    ? `, its health check is ${State.Health.Status}${said ? ` (${said.slice(0, 120)})` : ""}`
    : "";
  if (State.Paused) return "paused";
  if (healthy) return `healthy${answer === null || port === 0 ? "" : ` on port ${port}`}`;
  return `not healthy${answer === null ? "" : `: port ${port} ${answer.text} at ${health}`}${check}`;
}

/** Who else holds the published port; only an engine of this very host can be obstructed by what we see here. */
function obstruction({ port, engine }: ContainerSpec): string | null {
  if (port === 0 || !engineAddress(engine).startsWith("unix://")) return null;
  const listeners = listenersOn(port);
  // Whoever answers meanwhile for a service that this very process has stopped gives the port back.
  return listeners.taken && !listeners.pids.includes(process.pid)
    ? `port ${port} is held by ${holderOf(listeners)}`
    : null;
}
