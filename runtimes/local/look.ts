import { askHealth, type HealthAnswer, isHealthy, mayBeTheService } from "../health";
import type { ProcessSpec, ServiceState } from "../runtime";
import {
  allProcesses,
  type Listeners,
  listenersOn,
  type ProcessInfo,
  processOf,
  startOf,
  wasStartedWith,
} from "./processes";
import { digestOf, readRecord, type ServiceRecord, tokenVariable } from "./record";

/**
 * Everything that one look at a service finds.
 *
 * `ours`: processes that we started are alive; `adopted`: somebody else's process answers as the service does;
 * `stranger`: the port is held by something that does not; `absent`: none of it.
 */
export interface Look {
  readonly kind: "ours" | "adopted" | "stranger" | "absent";
  readonly record: ServiceRecord | null;
  /** Processes of ours, the first one leading. */
  readonly members: readonly ProcessInfo[];
  readonly listeners: Listeners;
  readonly health: HealthAnswer;
  readonly state: ServiceState;
}

/** Whether what we started was started with these settings and this environment. */
export function isAsSpecified(record: ServiceRecord | null, spec: ProcessSpec): boolean {
  return record?.specDigest === digestOf(spec, record?.token ?? "");
}

/** Living processes that we started for this record, and what they started themselves. */
export function membersOf(record: ServiceRecord | null): ProcessInfo[] {
  if (!record || record.adopted) return [];
  const leader = record.pid === null ? null : processOf(record.pid);
  const hasLeader = leader !== null && leader.identity === record.identity;
  const isOurs = ({ pid, session }: ProcessInfo) =>
    (hasLeader && session === leader.pid) || wasStartedWith(pid, `${tokenVariable}=${record.token}`);
  const members = allProcesses().filter(isOurs);
  const leading = members.find(({ pid }) => pid === record.pid) ?? members.find(({ pid, session }) => pid === session);
  return leading ? [leading, ...members.filter((member) => member !== leading)] : members;
}

/** `'python3' (pid 4711)`, as far as the system tells. */
export function holderOf({ pids }: Listeners): string {
  const [pid] = pids;
  if (pid === undefined) return "a process of another user";
  return `'${processOf(pid)?.program ?? "a process"}' (pid ${pid})`;
}

/** Looks at a service's processes, port and health, and touches nothing. */
export async function lookAt(spec: ProcessSpec): Promise<Look> {
  const record = readRecord(spec);
  const health = await askHealth(spec.port, spec.health);
  const members = membersOf(record);
  const listeners = listenersOn(spec.port);
  const found = { record, members, listeners, health };
  const kind = kindOf(found);
  return { kind, ...found, state: stateOf(spec, kind, found) };
}

type Found = Omit<Look, "kind" | "state">;

function kindOf({ members, listeners, health }: Found): Look["kind"] {
  const foreign = listeners.taken && !listeners.pids.some((pid) => members.some((member) => member.pid === pid));
  if (members.length > 0) return foreign && listeners.pids.length > 0 ? "stranger" : "ours";
  if (!listeners.taken) return "absent";
  return mayBeTheService(health) ? "adopted" : "stranger";
}

/** Whether a record of an adopted service speaks of the process that is there now. */
function isAboutThis(record: ServiceRecord | null, pid: number | undefined): record is ServiceRecord {
  return record !== null && pid !== undefined && record.pid === pid && processOf(pid)?.identity === record.identity;
}

function startedAtOf(pid: number | undefined): string | undefined {
  const found = pid === undefined ? null : processOf(pid);
  return (found && startOf(found))?.toISOString();
}

function stateOf(spec: ProcessSpec, kind: Look["kind"], found: Found): ServiceState {
  const { record, members, listeners, health } = found;
  const at = `port ${spec.port}`;
  const none = { running: false, healthy: false, pid: null, release: null, startedByUs: false, asSpecified: null };
  if (kind === "absent") return { ...none, obstructed: null, detail: `nothing listens on ${at}` };
  if (kind === "stranger") {
    const stranger = `${at} is held by ${holderOf(listeners)}, which ${health.text} at ${spec.health}`;
    const beside = members[0] ? `; the process that was started (pid ${members[0].pid}) does not have the port` : "";
    return { ...none, running: true, pid: listeners.pids[0] ?? null, obstructed: stranger, detail: stranger + beside };
  }
  const healthy = isHealthy(health);
  const manner = healthy ? `healthy on ${at}` : `not healthy: ${at} ${health.text} at ${spec.health}`;
  if (kind === "adopted") {
    const [pid] = listeners.pids;
    const known = isAboutThis(record, pid) ? record.release : null;
    const state = { ...none, running: true, healthy, pid: pid ?? null, release: health.version ?? known };
    const startedAt = startedAtOf(pid);
    return { ...state, startedAt, obstructed: null, detail: `${holderOf(listeners)}, not started by us, is ${manner}` };
  }
  return {
    running: true,
    healthy,
    pid: members[0]?.pid ?? null,
    release: health.version ?? record?.release ?? null,
    startedByUs: true,
    startedAt: record?.startedAt,
    asSpecified: isAsSpecified(record, spec),
    obstructed: null,
    detail: `pid ${members[0]?.pid ?? 0} is ${manner}`,
  };
}
