import { readlinkSync, statSync } from "node:fs";

import { askHealth, isHealthy } from "../health";
import { commandLine, listenersOn } from "./processes";

/** A running service as an outsider finds it. */
export interface DiscoveredService {
  readonly port: number;
  /** What its health answer says; null when it says none. */
  readonly release: string | null;
  /** Shell text that would start the same process. */
  readonly command: string;
  readonly directory: string | null;
  /** The file that its output goes to, when it goes to one. */
  readonly log: string | null;
}

/**
 * Looks for a healthy service on a port of this machine, and at how it was started; touches nothing.
 *
 * @param port - TCP port of 127.0.0.1
 * @param health - path that answers 2xx
 * @returns null when nothing healthy answers, or its process belongs to somebody else
 */
export async function discoverService(port: number, health: string): Promise<DiscoveredService | null> {
  const answer = await askHealth(port, health);
  const [pid] = listenersOn(port).pids;
  if (!isHealthy(answer) || pid === undefined) return null;
  const words = commandLine(pid).split("\0").filter(Boolean);
  return {
    port,
    release: answer.version,
    command: words.map(quote).join(" "),
    directory: link(pid, "cwd"),
    log: logOf(pid),
  };
}

function quote(word: string): string {
  return /^[\w@%+=:,./{}-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function link(pid: number, name: string): string | null {
  try {
    return readlinkSync(`/proc/${pid}/${name}`);
  } catch {
    return null;
  }
}

/** Where standard output goes, when that is a file. */
function logOf(pid: number): string | null {
  const target = link(pid, "fd/1");
  return target !== null && statSync(target, { throwIfNoEntry: false })?.isFile() ? target : null;
}
