import { setTimeout as sleep } from "node:timers/promises";

import { serviceUrl } from "../address";
import { askHealth, isHealthy } from "../health";
import { logOffset, scanLog, tailSince } from "../log-scan";
import { type Activity, type ProcessSpec, type Runtime, ServiceError, type ServiceState } from "../runtime";
import { withoutSecrets } from "../secrets";
import { holderOf, isAsSpecified, type Look, lookAt, membersOf } from "./look";
import { processOf } from "./processes";
import { readRecord, removeRecord, writeRecord } from "./record";
import { type Spawned, spawnService } from "./spawn";
import { stopService } from "./stop";

const pollMilliseconds = 100;

/** Services as plain processes of this machine. */
export const processRuntime: Runtime<ProcessSpec> = {
  inspect,
  start,
  stop: stopService,
  urlOf: (spec) => Promise.resolve(spec.port === 0 ? null : serviceUrl(spec, "")),
  hostSeenBy: () => Promise.resolve({ address: "127.0.0.1", certain: true }),
  markLog: ({ log }) => Promise.resolve(logOffset(log)),
  scanLog: ({ log }, since, options) => {
    const from = since instanceof Date ? { since } : { sinceOffset: since };
    return Promise.resolve(scanLog(log, { ...options, ...from }));
  },
};

async function inspect(spec: ProcessSpec): Promise<ServiceState> {
  return (await lookAt(spec)).state;
}

/**
 * Makes sure that the service serves its release. What already does so stays untouched, whoever started it; anything
 * else that is the service is stopped first.
 *
 * @throws ServiceError when it ends early, does not get healthy, or something else holds its port
 */
async function start(spec: ProcessSpec, activity: Activity = {}): Promise<ServiceState> {
  const look = await lookAt(spec);
  if (look.kind === "stranger") throw await portHeld(spec, look);
  if (serves(look, spec)) return adoptedIfNameless(look, spec);
  if (isStarting(look, spec)) {
    activity.progress?.(`${spec.name}: pid ${look.state.pid} is already starting`);
    return awaitHealth(spec, null, logOffset(spec.log), activity);
  }
  if (look.kind !== "absent") await stopService(spec, activity);
  activity.signal?.throwIfAborted();
  const offset = logOffset(spec.log);
  const spawned = spawnService(spec);
  activity.progress?.(`${spec.name}: started ${spec.release} as pid ${spawned.pid}, waiting for ${spec.health}`);
  return awaitHealth(spec, spawned, offset, activity);
}

async function portHeld(spec: ProcessSpec, look: Look): Promise<ServiceError> {
  if (look.members.length > 0) await stopService(spec);
  return new ServiceError(
    spec.name,
    `not started: ${look.state.detail}. That was left alone. End it, or give the service another port, then run it again.`,
  );
}

function serves(look: Look, spec: ProcessSpec): boolean {
  const { healthy, release } = look.state;
  if (!healthy) return false;
  if (look.kind === "adopted") return release === spec.release || (release === null && look.record === null);
  return look.kind === "ours" && release === spec.release && isAsSpecified(look.record, spec);
}

/** An earlier call was killed while it waited. */
function isStarting(look: Look, spec: ProcessSpec): boolean {
  return look.kind === "ours" && !look.state.healthy && !look.listeners.taken && isAsSpecified(look.record, spec);
}

/** A service that answers no version is taken for what the caller says it is; the record remembers it. */
function adoptedIfNameless(look: Look, spec: ProcessSpec): ServiceState {
  const { pid, release } = look.state;
  if (look.kind !== "adopted" || release !== null || pid === null) return look.state;
  const identity = processOf(pid)?.identity ?? null;
  const record = { pid, identity, token: "", specDigest: "", startedAt: new Date().toISOString(), adopted: true };
  writeRecord(spec, { ...record, release: spec.release });
  return { ...look.state, release: spec.release };
}

async function awaitHealth(
  spec: ProcessSpec,
  spawned: Spawned | null,
  logStart: number,
  { signal, progress }: Activity,
): Promise<ServiceState> {
  const deadline = Date.now() + spec.startTimeoutSeconds * 1_000;
  for (;;) {
    if (isHealthy(await askHealth(spec.port, spec.health))) {
      const look = await lookAt(spec);
      if (look.kind === "ours") return confirmed(look, spec, progress);
    }
    if (membersOf(readRecord(spec)).length === 0) throw await endedEarly(spec, spawned, logStart);
    if (Date.now() > deadline) throw await neverHealthy(spec, logStart);
    if (signal?.aborted)
      throw new ServiceError(
        spec.name,
        "interrupted while it was starting; it goes on starting. Run it again to wait.",
      );
    await sleep(pollMilliseconds);
  }
}

/** A healthy service of another release than the wanted one would work on a schema that it does not know. */
async function confirmed(look: Look, spec: ProcessSpec, progress: Activity["progress"]): Promise<ServiceState> {
  if (look.state.release === spec.release) {
    progress?.(`${spec.name}: ${spec.release} is healthy on port ${spec.port}`);
    return look.state;
  }
  await stopService(spec);
  throw new ServiceError(
    spec.name,
    `its command was to start ${spec.release}, but what it started says that it is ${look.state.release}. ` +
      `It was stopped again. Correct the service's command or its code, then run it again.`,
  );
}

async function endedEarly(spec: ProcessSpec, spawned: Spawned | null, logStart: number): Promise<ServiceError> {
  // The exit event may come a moment after the process is gone.
  for (let turn = 0; spawned && spawned.ended() === null && turn < 10; turn++) await sleep(20);
  const look = await lookAt(spec);
  removeRecord(spec);
  const port = look.listeners.taken ? ` Port ${spec.port} is held by ${holderOf(look.listeners)}.` : "";
  const how = spawned?.ended() ?? "ended";
  return new ServiceError(
    spec.name,
    `${spec.release} ${how} before it was healthy; it does not run.${port}${lastLines(spec, logStart)}\n` +
      `Correct the cause, then run it again.`,
  );
}

async function neverHealthy(spec: ProcessSpec, logStart: number): Promise<ServiceError> {
  const { state } = await lookAt(spec);
  await stopService(spec);
  return new ServiceError(
    spec.name,
    `${spec.release} did not get healthy within ${spec.startTimeoutSeconds} s: ${state.detail}. ` +
      `It was stopped again.${lastLines(spec, logStart)}\nCorrect the cause, then run it again.`,
  );
}

function lastLines(spec: ProcessSpec, logStart: number): string {
  const lines = tailSince(spec.log, logStart, 10);
  if (lines.length === 0) return ` Its log '${spec.log}' got no line.`;
  const shown = lines.map((line) => `\n  ${withoutSecrets(line, spec.environment)}`).join("");
  return ` The last lines of '${spec.log}':${shown}`;
}
