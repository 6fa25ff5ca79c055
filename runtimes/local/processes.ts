import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** One living process; zombies are not listed, even where nobody collects them. */
export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  /** Session where the system tells (Linux), else process group. */
  readonly session: number;
  /** Differs between two processes that had the same pid one after the other, reboots included. */
  readonly identity: string;
  /** Name of the program. */
  readonly program: string;
}

const linux = process.platform === "linux";

function textOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

let bootId: string | undefined;

function linuxProcess(pid: number): ProcessInfo | null {
  const stat = textOf(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The program's name stands in parentheses and may hold blanks and parentheses itself.
  const open = stat.indexOf("(");
  const close = stat.lastIndexOf(")");
  const fields = stat.slice(close + 2).split(" ");
  const [state = "", parent = "", , session = ""] = fields;
  if (state === "Z" || state === "X") return null;
  bootId ??= textOf("/proc/sys/kernel/random/boot_id")?.trim() ?? "";
  return {
    pid,
    parent: Number(parent),
    session: Number(session),
    identity: `${bootId}:${fields[19] ?? ""}`,
    program: stat.slice(open + 1, close),
  };
}

function output(program: string, args: readonly string[]): string {
  try {
    return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return "";
  }
}

function otherProcesses(selection: readonly string[]): ProcessInfo[] {
  const lines = output("ps", [...selection, "-o", "pid=,ppid=,pgid=,stat=,lstart=,comm="]).split("\n");
  return lines.flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\S+\s+\S+\s+\S+\s+\S+\s+\S+)\s+(.+)$/.exec(line);
    if (!match || match[4]?.startsWith("Z")) return [];
    const [, pid, parent, session, , identity = "", program = ""] = match;
    return [{ pid: Number(pid), parent: Number(parent), session: Number(session), identity, program }];
  });
}

/** The process with this pid, or null when it is gone. */
export function processOf(pid: number): ProcessInfo | null {
  return linux ? linuxProcess(pid) : (otherProcesses(["-p", String(pid)])[0] ?? null);
}

/** All processes that can be seen. */
export function allProcesses(): ProcessInfo[] {
  if (!linux) return otherProcesses(["-A"]);
  return readdirSync("/proc").flatMap((entry) => (/^\d+$/.test(entry) ? (linuxProcess(Number(entry)) ?? []) : []));
}

/** The command line with its arguments, to recognise a process that was started again; it may hold secrets. */
export function commandLine(pid: number): string {
  if (linux) return textOf(`/proc/${pid}/cmdline`) ?? "";
  return output("ps", ["-p", String(pid), "-o", "command="]).trim();
}

/** Linux tells a process's start in these since boot, whatever the kernel counts in itself. */
const ticksPerSecond = 100;

/** When a process was started, to the second; null where the system does not tell. */
export function startOf({ identity }: Pick<ProcessInfo, "identity">): Date | null {
  const [, boot] = linux ? (/^btime (\d+)$/m.exec(textOf("/proc/stat") ?? "") ?? []) : [];
  const ticks = Number(identity.slice(identity.indexOf(":") + 1));
  const seconds = linux ? Number(boot) + ticks / ticksPerSecond : Date.parse(identity) / 1000;
  return Number.isNaN(seconds) ? null : new Date(Math.floor(seconds) * 1000);
}

/** The folder in which a process works; empty where that cannot be told. */
export function workingFolder(pid: number): string {
  return linux ? linkOf(`/proc/${pid}/cwd`) : "";
}

/** Whether a process, or one that it descends from, was started with this environment variable. Linux only. */
export function wasStartedWith(pid: number, variable: string): boolean {
  return linux && (textOf(`/proc/${pid}/environ`)?.split("\0").includes(variable) ?? false);
}

/** Who listens on a port. */
export interface Listeners {
  readonly taken: boolean;
  /** Empty while taken when the process belongs to somebody whose processes cannot be looked into. */
  readonly pids: readonly number[];
}

/** Sockets that answer on 127.0.0.1: bound to loopback or to all addresses, IPv6 included. */
const answering = /^(?:[0-9A-F]{6}7F|00000000|0{32}|0{24}01000000|0{16}FFFF0000[0-9A-F]{6}7F)$/;

function listeningInodes(port: number): Set<string> {
  const inodes = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of (textOf(table) ?? "").split("\n").slice(1)) {
      const [, local = "", , state, , , , , , inode] = line.trim().split(/\s+/);
      const [address = "", hexPort = ""] = local.split(":");
      if (state === "0A" && parseInt(hexPort, 16) === port && answering.test(address) && inode) inodes.add(inode);
    }
  }
  return inodes;
}

function holds(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((descriptor) => {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${descriptor}`)) ?? [];
      return inode !== undefined && inodes.has(inode);
    });
  } catch {
    return false;
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/**
 * The processes that listen on a TCP port of this machine, a parent before its workers.
 *
 * @param port - the port; addresses other than loopback and "all" do not count
 */
export function listenersOn(port: number): Listeners {
  if (!linux) {
    const pids = output("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-t"])
      .split("\n")
      .filter(Boolean)
      .map(Number);
    return { taken: pids.length > 0, pids: parentsFirst(pids) };
  }
  const inodes = listeningInodes(port);
  if (inodes.size === 0) return { taken: false, pids: [] };
  const pids = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry) && holds(entry, inodes));
  return { taken: true, pids: parentsFirst(pids.map(Number)) };
}

function parentsFirst(pids: readonly number[]): number[] {
  const isWorker = (pid: number) => pids.includes(processOf(pid)?.parent ?? 0);
  return [...pids.filter((pid) => !isWorker(pid)), ...pids.filter(isWorker)];
}
