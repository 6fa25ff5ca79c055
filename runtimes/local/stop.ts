import { setTimeout as sleep } from "node:timers/promises";

import { type Activity, type ProcessSpec, ServiceError, type ServiceState } from "../runtime";
import { holderOf, type Look, lookAt, membersOf } from "./look";
import { allProcesses, commandLine, listenersOn, processOf, workingFolder } from "./processes";
import { removeRecord } from "./record";

const pollMilliseconds = 50;
/** How long the kernel may take to end a process that got SIGKILL, or to give its port back. */
const settleMilliseconds = 5_000;
/** How long somebody else's process is watched for a supervisor that starts it again. */
const supervisorMilliseconds = 1_500;

/** Processes to end, told from later ones of the same pid. */
interface Target {
  readonly pid: number;
  readonly identity: string;
  /** We made its session: it and all that it started get the signal. */
  readonly leadsGroup: boolean;
}

/**
 * Makes sure that the service does not run: SIGTERM, and after the stop timeout SIGKILL. What we started is ended with
 * all that it started itself; of a service that somebody else started, the processes that listen on the port are.
 *
 * @throws ServiceError when it may not be ended, something starts it again, or the port is held by something else
 */
export async function stopService(spec: ProcessSpec, activity: Activity = {}): Promise<ServiceState> {
  const look = await steadyLook(spec);
  if (look.kind === "stranger" && look.members.length === 0)
    throw new ServiceError(
      spec.name,
      `${look.state.detail}: this is not taken for the service, and was left alone. If it is the service, stop it ` +
        `yourself; else correct the service's port. Then run it again.`,
    );
  if (look.kind !== "absent") await end(spec, look, activity);
  removeRecord(spec);
  return (await lookAt(spec)).state;
}

/** A process that ends at this very moment still has its port and is in nobody's list: what holds it is looked at again. */
async function steadyLook(spec: ProcessSpec): Promise<Look> {
  for (let turn = 1; ; turn++) {
    const look = await lookAt(spec);
    const isUnseen = look.listeners.taken && look.listeners.pids.length === 0 && look.members.length === 0;
    if (!isUnseen || turn === 5) return look;
    await sleep(2 * pollMilliseconds);
  }
}

async function end(spec: ProcessSpec, look: Look, { signal, progress }: Activity): Promise<void> {
  const remaining = () => targetsOf(look).filter(isAlive);
  const doomed = remaining();
  if (doomed.length === 0 && (await until(() => !listenersOn(spec.port).taken, 500))) return;
  if (doomed.length === 0)
    throw new ServiceError(
      spec.name,
      `port ${spec.port} is held by ${holderOf(look.listeners)}, and its process cannot be seen from here. ` +
        `It still runs. Run the command as root, or stop the service yourself.`,
    );
  const before = fingerprint(doomed);
  progress?.(`${spec.name}: stopping ${doomed.map(({ pid }) => `pid ${pid}`).join(", ")}`);
  send(spec, doomed, "SIGTERM");
  const interrupted = () => {
    if (!signal?.aborted) return false;
    throw new ServiceError(spec.name, "interrupted while it was stopping; it was told to end. Run it again to wait.");
  };
  if (!(await until(() => interrupted() || remaining().length === 0, spec.stopTimeoutSeconds * 1_000))) {
    progress?.(`${spec.name}: still there after ${spec.stopTimeoutSeconds} s, ending it with SIGKILL`);
    send(spec, remaining(), "SIGKILL");
    if (!(await until(() => remaining().length === 0, settleMilliseconds)))
      throw new ServiceError(
        spec.name,
        `pid ${doomed[0]?.pid} does not end, not even by SIGKILL. It still runs; look at it by hand.`,
      );
  }
  if (look.kind !== "stranger") await refuseSuccessor(spec, look, before);
  progress?.(`${spec.name}: stopped`);
}

function targetsOf(look: Look): Target[] {
  if (look.members.length === 0) {
    return look.listeners.pids.flatMap((pid) => targetOf(pid, false));
  }
  return membersOf(look.record).map(({ pid, identity, session }) => ({ pid, identity, leadsGroup: pid === session }));
}

function targetOf(pid: number, leadsGroup: boolean): Target[] {
  const process = processOf(pid);
  return process ? [{ pid, identity: process.identity, leadsGroup }] : [];
}

function isAlive({ pid, identity }: Target): boolean {
  return processOf(pid)?.identity === identity;
}

function send(spec: ProcessSpec, targets: readonly Target[], signal: NodeJS.Signals): void {
  for (const { pid, leadsGroup } of targets) {
    try {
      process.kill(leadsGroup ? -pid : pid, signal);
    } catch (fault) {
      if ((fault as NodeJS.ErrnoException).code === "ESRCH") continue;
      throw new ServiceError(
        spec.name,
        `pid ${pid} belongs to another user and may not be stopped. It still runs. Run the command as that user or as root.`,
      );
    }
  }
}

async function until(condition: () => boolean, milliseconds: number): Promise<boolean> {
  const deadline = Date.now() + milliseconds;
  while (!condition()) {
    if (Date.now() > deadline) return false;
    await sleep(pollMilliseconds);
  }
  return true;
}

/** What a process that is started again looks like: the same command in the same folder. */
interface Fingerprint {
  readonly commands: ReadonlySet<string>;
  readonly known: ReadonlySet<string>;
}

function fingerprint(targets: readonly Target[]): Fingerprint {
  const commands = new Set(targets.map(({ pid }) => looksOf(pid)).filter(Boolean));
  return { commands, known: new Set(allProcesses().map(({ pid, identity }) => `${pid} ${identity}`)) };
}

function successorOf({ commands, known }: Fingerprint): number | undefined {
  return allProcesses().find(({ pid, identity }) => !known.has(`${pid} ${identity}`) && commands.has(looksOf(pid)))
    ?.pid;
}

/** Another installation of this host may have the very same command. */
function looksOf(pid: number): string {
  const command = commandLine(pid);
  return command && `${workingFolder(pid)}\0${command}`;
}

/** Waits for the port, and for a supervisor to show itself where the service was not started by us. */
async function refuseSuccessor(spec: ProcessSpec, look: Look, before: Fingerprint): Promise<void> {
  const watch = look.kind === "adopted" ? supervisorMilliseconds : 0;
  const isFree = await until(
    () => !listenersOn(spec.port).taken || successorOf(before) !== undefined,
    settleMilliseconds,
  );
  await until(() => successorOf(before) !== undefined || listenersOn(spec.port).taken, watch);
  const listeners = listenersOn(spec.port);
  const successor = successorOf(before) ?? listeners.pids[0];
  if (successor === undefined && isFree && !listeners.taken) return;
  const newcomer = successor === undefined ? "a process of another user" : `pid ${successor}`;
  throw new ServiceError(
    spec.name,
    `it was stopped, but now ${newcomer} runs in its place: something restarts it. Stop its supervisor (systemd, pm2, ` +
      `a restart loop), then run it again.`,
  );
}
