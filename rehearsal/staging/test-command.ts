import { spawn } from "node:child_process";

import type { TestFact } from "../../report/rehearsal-facts";
import { withoutSecrets } from "../../runtimes/secrets";

export interface TestWish {
  /** Shell command. */
  readonly command: string;
  /** Working folder. */
  readonly folder: string;
  readonly timeoutSeconds: number;
  /** Told to the command, besides this process's own environment: OCTOLLM_RELEASE and the like. */
  readonly environment: Readonly<Record<string, string>>;
  /** What staging's services were started with: its secrets are taken out of what is shown. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
}

const longestTail = 40;
const patienceMs = 5_000;

/**
 * Runs the operator's test while the new release serves. A test that fails is a finding, no error.
 *
 * @throws what cancelled it; the command and all that it has started are ended then
 */
export async function runTest(wish: TestWish): Promise<TestFact> {
  const { command, folder, timeoutSeconds, environment, secrets, onLine, signal } = wish;
  const started = Date.now();
  const tail: string[] = [];
  const child = spawn("/bin/sh", ["-c", command], {
    cwd: folder,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that all that it starts can be ended.
    detached: true,
  });
  const show = (line: string) => {
    const shown = withoutSecrets(line, secrets);
    tail.push(shown);
    if (tail.length > longestTail) tail.shift();
    onLine(shown);
  };
  for (const stream of [child.stdout, child.stderr]) eachLine(stream, show);
  const kill = (name: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch {
      // It has ended already.
    }
  };
  let cut = "";
  const end = (why: string) => () => {
    cut = why;
    kill("SIGTERM");
    setTimeout(() => kill("SIGKILL"), patienceMs).unref();
  };
  const timer = setTimeout(end(`cut short after ${timeoutSeconds} s`), timeoutSeconds * 1000);
  const cancel = end("cancelled");
  signal.addEventListener("abort", cancel, { once: true });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  }).finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", cancel);
  });
  signal.throwIfAborted();
  const ending = cut || (code === null ? "ended by a signal" : `exit code ${code}`);
  return { command, passed: code === 0 && cut === "", ending, milliseconds: Date.now() - started, tail };
}

function eachLine(stream: NodeJS.ReadableStream, use: (line: string) => void): void {
  let partial = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const lines = (partial + chunk).split("\n");
    partial = lines.pop() ?? "";
    lines.forEach(use);
  });
  stream.on("end", () => (partial === "" ? undefined : use(partial)));
}
