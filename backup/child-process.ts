import { type ChildProcess, spawn } from "node:child_process";

/** A program that ended otherwise than with exit code 0. */
export class ChildFailure extends Error {
  readonly exitCode: number | null;
  /** The last lines of its standard error. */
  readonly said: string;

  constructor({ program, exitCode, said }: { program: string; exitCode: number | null; said: string }) {
    const how =
      exitCode === null
        ? "was killed"
        : exitCode > 128
          ? `was killed by signal ${exitCode - 128}`
          : `ended with code ${exitCode}`;
    super(`'${program}' ${how}${said ? `:\n${said}` : ""}`);
    this.name = "ChildFailure";
    this.exitCode = exitCode;
    this.said = said;
  }
}

export interface ChildOptions {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Gets each line of standard error. */
  readonly onLine?: (line: string) => void;
}

/*
 * Runs the program as a child of a small shell that ends it when this process is gone, however it went: the shell's
 * standard input is a pipe from here, which the kernel closes even after SIGKILL.
 */
const guard = `umask 077
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
{ cat <&3 >/dev/null; kill -TERM $child; } 2>/dev/null >/dev/null &
watcher=$!
exec 3<&-
wait $child
code=$?
kill $watcher 2>/dev/null
exit $code`;

const patienceMs = 5_000;
const longestTail = 4_000;

/**
 * Runs a program to its end; files that it makes are for this user only.
 *
 * @returns its standard output
 * @throws ChildFailure with what it said; the signal's reason when that aborted (SIGTERM first, SIGKILL after 5 s)
 */
export async function runChild({ program, args, env, signal, onLine }: ChildOptions): Promise<string> {
  signal.throwIfAborted();
  const child = spawn("/bin/sh", ["-c", guard, "guard", program, ...args], {
    env,
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.on("error", () => undefined);
  const output: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  const said = collectLines(child, onLine);
  const stopAbort = endOnAbort(child, signal);
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    signal.throwIfAborted();
    if (exitCode !== 0) throw new ChildFailure({ program, exitCode, said: said() });
    return Buffer.concat(output).toString("utf8");
  } finally {
    stopAbort();
  }
}

function collectLines(child: ChildProcess, onLine: ((line: string) => void) | undefined): () => string {
  let tail = "";
  let partial = "";
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    const lines = (partial + chunk).split("\n");
    partial = lines.pop() ?? "";
    for (const line of lines) onLine?.(line);
    tail = (tail + chunk).slice(-longestTail);
  });
  return () => tail.trim();
}

function endOnAbort(child: ChildProcess, signal: AbortSignal): () => void {
  // The shell leads a process group of its own, so that the terminal's Ctrl-C leaves the order of things to us.
  const kill = (name: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch {
      // It has ended already.
    }
  };
  let patience: NodeJS.Timeout | undefined;
  const abort = () => {
    kill("SIGTERM");
    patience = setTimeout(() => kill("SIGKILL"), patienceMs);
  };
  signal.addEventListener("abort", abort, { once: true });
  return () => {
    signal.removeEventListener("abort", abort);
    clearTimeout(patience);
    child.stdin?.destroy();
  };
}
