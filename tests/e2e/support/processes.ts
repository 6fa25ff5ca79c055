import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { allProcesses } from "../../../runtimes/local/processes";

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

function workingFolder(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}

/** A process that works in a folder. */
export interface Found {
  readonly pid: number;
  readonly command: string;
}

/** Every process whose working folder is in `folder`. */
export function processesIn(folder: string): Found[] {
  return allProcesses()
    .filter(({ pid }) => pid !== process.pid && `${workingFolder(pid)}/`.startsWith(`${folder}/`))
    .map(({ pid }) => ({ pid, command: read(pid, "cmdline").replaceAll("\0", " ").trim() }));
}

/** Whether the process is a service of the installation, or the shell that leads it. */
export function isService({ command }: Found): boolean {
  return /--release \d/.test(command);
}

/**
 * Whether it is one of the Pulumi CLI's own plugins: when the CLI is killed, they stay for some minutes and do nothing,
 * until they notice that it is gone.
 */
export function isPulumisOwn({ command }: Found): boolean {
  return /\bpulumi-(?:language-nodejs|resource-command|resource-docker) 127\.0\.0\.1:/.test(command);
}

/** Everything that works in `folder` but the installation's services: engine, program, providers, their children. */
export function workersIn(folder: string): Found[] {
  return processesIn(folder).filter((found) => !isService(found));
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone already.
  }
}

/** Ends processes at once; what they start meanwhile is ended too. */
export function killAll(find: () => Found[]): void {
  for (let turn = 0; turn < 5; turn++) {
    const found = find();
    if (found.length === 0) return;
    // Stopped first, so that none can start another one while the others end.
    for (const { pid } of found) kill(pid, "SIGSTOP");
    for (const { pid } of found) kill(pid, "SIGKILL");
  }
}

/** Waits until nothing is found any more; answers what is left after the time. */
export async function gone(find: () => Found[], seconds: number): Promise<Found[]> {
  const deadline = Date.now() + seconds * 1_000;
  for (;;) {
    const left = find();
    if (left.length === 0 || Date.now() > deadline) return left;
    await sleep(50);
  }
}

/** Collects the command lines of every process of this machine until it is stopped. */
export class ArgvSampler {
  readonly #seen = new Set<string>();
  readonly #timer = setInterval(() => this.#sample(), 20);

  #sample(): void {
    for (const entry of readdirSync("/proc"))
      if (/^\d+$/.test(entry) && Number(entry) !== process.pid) this.#seen.add(read(Number(entry), "cmdline"));
  }

  stop(): string[] {
    clearInterval(this.#timer);
    return [...this.#seen].map((line) => line.replaceAll("\0", " "));
  }
}
