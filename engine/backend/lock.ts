import { randomUUID } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { isAlive } from "../../runtimes/local/alive";
import { OperatorError } from "../errors";
import { listIfThere, writeDurably } from "./files";
import type { Location } from "./location";

/** Who holds a stack, as Pulumi writes it. */
export interface LockHolder {
  pid: number;
  username: string;
  hostname: string;
  timestamp: string;
}

interface FoundLock {
  file: string;
  holder: LockHolder;
}

function findLocks(location: Location, stack: string): FoundLock[] {
  const folder = location.locks(stack);
  return listIfThere(folder)
    .filter((name) => name.endsWith(".json") && !name.startsWith("."))
    .flatMap((name) => {
      const file = path.join(folder, name);
      try {
        return [{ file, holder: JSON.parse(fs.readFileSync(file, "utf8")) as LockHolder }];
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
        return [{ file, holder: { pid: 0, username: "?", hostname: "?", timestamp: "?" } }];
      }
    });
}

const isDead = ({ holder }: FoundLock): boolean =>
  holder.hostname === os.hostname() && holder.pid > 0 && !isAlive(holder.pid);

function describe({ file, holder }: FoundLock): string {
  return `${file}: created by ${holder.username}@${holder.hostname} (pid ${holder.pid}) at ${holder.timestamp}`;
}

function refuseIfLocked(location: Location, stack: string, own?: string): void {
  const held = findLocks(location, stack).filter(({ file }) => file !== own);
  if (held.length === 0) return;
  throw new OperatorError(
    `the stack is currently locked by ${held.length} lock(s). Either wait for the other process(es) to end or delete the ` +
      `lock file with \`cancel\`. Nothing was done.\n${held.map((lock) => `  ${describe(lock)}`).join("\n")}`,
  );
}

/**
 * Takes the stack's lock, by Pulumi's protocol, and returns how to give it back. A lock of this host whose process is dead
 * is removed first; `say` hears of it.
 */
export function lockStack(location: Location, stack: string, say: (line: string) => void): () => void {
  for (const lock of findLocks(location, stack).filter(isDead)) {
    fs.rmSync(lock.file, { force: true });
    say(
      `Removed the lock of a process that is no longer running (pid ${lock.holder.pid}, since ${lock.holder.timestamp}).`,
    );
  }
  refuseIfLocked(location, stack);
  const own = path.join(location.locks(stack), `${randomUUID()}.json`);
  const holder: LockHolder = {
    pid: process.pid,
    username: os.userInfo().username,
    hostname: os.hostname(),
    timestamp: new Date().toISOString(),
  };
  writeDurably(own, JSON.stringify(holder));
  const unlock = (): void => fs.rmSync(own, { force: true });
  try {
    refuseIfLocked(location, stack, own);
  } catch (error) {
    unlock();
    throw error;
  }
  return unlock;
}

/** Removes every lock of the stack (`cancel`); returns what was removed, described. */
export function breakLocks(location: Location, stack: string): string[] {
  return findLocks(location, stack).map((lock) => {
    fs.rmSync(lock.file, { force: true });
    return describe(lock);
  });
}
