import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";

import { type ProcessSpec, ServiceError } from "../runtime";
import { processOf } from "./processes";
import { digestOf, tokenVariable, writeRecord } from "./record";

/** What a service inherits from whoever starts it; all else would make it depend on who that was. */
const inherited = /^(?:PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR)$/;

/** A process that was just started. */
export interface Spawned {
  readonly pid: number;
  /** How it ended; null while it has not, as far as is known. */
  ended(): string | null;
}

function environmentOf(spec: ProcessSpec, token: string): NodeJS.ProcessEnv {
  const hostile = Object.entries(spec.environment).find(([key, value]) => (key + value).includes("\0"));
  if (hostile)
    throw new ServiceError(
      spec.name,
      `the value of '${hostile[0]}' holds a NUL byte, which no environment can carry. Nothing was started. ` +
        `Correct the .env file, then run it again.`,
    );
  const ambient = Object.entries(process.env).filter(([key]) => inherited.test(key));
  return { ...Object.fromEntries(ambient), ...spec.environment, [tokenVariable]: token };
}

/**
 * Starts the service's command in a session of its own, so that it neither holds the caller's output open nor dies of
 * the caller's SIGINT; its output is appended to the log file. The record is written before and after.
 *
 * @throws ServiceError when the shell cannot be started; nothing runs then
 */
export function spawnService(spec: ProcessSpec): Spawned {
  const token = randomBytes(16).toString("hex");
  const env = environmentOf(spec, token);
  if (!existsSync(spec.directory))
    throw new ServiceError(
      spec.name,
      `its folder '${spec.directory}' does not exist. Nothing was started. Correct the service's folder in the stack's ` +
        `settings, then run it again.`,
    );
  const specDigest = digestOf(spec, token);
  const record = { token, release: spec.release, specDigest, startedAt: new Date().toISOString(), adopted: false };
  writeRecord(spec, { ...record, pid: null, identity: null });
  mkdirSync(dirname(spec.log), { recursive: true });
  const log = openSync(spec.log, "a", 0o640);
  let end: string | null = null;
  try {
    const child = spawn("/bin/sh", ["-c", spec.command], {
      cwd: spec.directory,
      env,
      detached: true,
      stdio: ["ignore", log, log],
    });
    child.once("error", (fault) => (end = `could not be started (${fault.message})`));
    child.once("exit", (code, signal) => (end = signal ? `was ended by ${signal}` : `ended with exit code ${code}`));
    child.unref();
    const pid = child.pid ?? 0;
    writeRecord(spec, { ...record, pid, identity: processOf(pid)?.identity ?? null });
    return { pid, ended: () => end };
  } finally {
    closeSync(log);
  }
}
