import { type ChildProcess, spawn } from "node:child_process";
import { type Duplex, Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";

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
  readonly onLine?: ((line: string) => void) | undefined;
  /** Fed to its standard input, which is empty otherwise. */
  readonly input?: Readable | undefined;
  /** Gets its standard output, and is ended with it; without one, the output is returned. */
  readonly output?: Writable | undefined;
}

/*
 * Runs the program as a child of a small shell that ends it when this process is gone, however it went: the shell's
 * standard input is a pipe from here, which the kernel closes even after SIGKILL. What the program reads is file 3.
 */
const guard = `umask 077
exec 4<&0
"$@" <&3 3<&- 4<&- &
child=$!
exec 3<&-
{ cat <&4 >/dev/null; kill -TERM $child; } 2>/dev/null >/dev/null &
watcher=$!
exec 4<&-
wait $child
code=$?
kill $watcher 2>/dev/null
exit $code`;

const patienceMs = 5_000;
const longestTail = 4_000;

/**
 * Runs a program to its end; files that it makes are for this user only.
 *
 * @returns its standard output, unless `output` gets it
 * @throws ChildFailure with what it said; the error of `input` or `output`; the signal's reason when that aborted (SIGTERM
 *   first, SIGKILL after 5 s)
 */
export async function runChild(options: ChildOptions): Promise<string> {
  const { program, args, env, signal, input = Readable.from([]) } = options;
  signal.throwIfAborted();
  const child = spawn("/bin/sh", ["-c", guard, "guard", program, ...args], {
    env,
    detached: true,
    stdio: ["pipe", "pipe", "pipe", "pipe"],
  });
  child.stdin?.on("error", () => undefined);
  const feeding = feed(input, child.stdio[3] as Duplex);
  const chunks: Buffer[] = [];
  const taking = take(child.stdout, options.output, chunks);
  const tail = new LineTail(options.onLine);
  child.stderr?.setEncoding("utf8").on("data", tail.add);
  const stopAbort = endOnAbort(child, signal);
  try {
    const exited = await Promise.allSettled([exitCodeOf(child, feeding), taking]);
    const fault = await feeding.done();
    signal.throwIfAborted();
    const [exit, taken] = exited;
    if (taken.status === "rejected") throw taken.reason;
    if (exit.status === "rejected") throw exit.reason;
    if (fault) throw fault;
    if (exit.value !== 0) throw new ChildFailure({ program, exitCode: exit.value, said: tail.text() });
    return Buffer.concat(chunks).toString("utf8");
  } finally {
    stopAbort();
  }
}

/** Feeds a program that may end without having read all; only what is wrong with the input itself counts. */
function feed(input: Readable, pipe: Duplex): { close: () => void; done: () => Promise<Error | undefined> } {
  let fault: Error | undefined;
  input.once("error", (error) => {
    if (!pipe.destroyed) fault = error;
  });
  // Whoever has killed the program resets the pipe, also once nothing is fed any more.
  pipe.on("error", () => undefined).resume();
  const feeding = pipeline(input, pipe).catch(() => undefined);
  const done = async () => {
    await feeding;
    return fault;
  };
  return { close: () => pipe.destroy(), done };
}

async function take(from: Readable | null, output: Writable | undefined, chunks: Buffer[]): Promise<void> {
  if (from === null) return;
  if (output) await pipeline(from, output);
  else for await (const chunk of from as AsyncIterable<Buffer>) chunks.push(chunk);
}

function exitCodeOf(child: ChildProcess, feeding: { close: () => void }): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", () => feeding.close());
    child.once("close", resolve);
  });
}

/** Takes the lines of a program's standard error, and keeps the last of them. */
export class LineTail {
  readonly #onLine: ((line: string) => void) | undefined;
  #tail = "";
  #partial = "";

  constructor(onLine: ((line: string) => void) | undefined) {
    this.#onLine = onLine;
  }

  readonly add = (chunk: string): void => {
    const lines = (this.#partial + chunk).split("\n");
    this.#partial = lines.pop() ?? "";
    for (const line of lines) this.#onLine?.(line);
    this.#tail = (this.#tail + chunk).slice(-longestTail);
  };

  text(): string {
    return this.#tail.trim();
  }
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
