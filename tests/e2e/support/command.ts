import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

/** How a command ended, and what it wrote. */
export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, in the order in which they came. */
  readonly output: string;
}

export interface CommandOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Sees each piece of output as it comes. */
  readonly watch?: (output: string) => void;
}

const longestSeconds = 150;

/** A command while it runs, in a process group of its own. */
export class Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Outcome>;
  #text = { stdout: "", stderr: "", output: "" };
  #over = false;

  constructor(program: string, argv: readonly string[], { cwd, env }: CommandOptions) {
    this.child = spawn(program, argv, { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    for (const stream of ["stdout", "stderr"] as const)
      this.child[stream]?.on("data", (chunk: Buffer) => {
        this.#text[stream] += chunk.toString();
        this.#text.output += chunk.toString();
      });
    const timer = setTimeout(() => this.child.kill("SIGKILL"), longestSeconds * 1_000);
    this.ended = new Promise((resolve, reject) => {
      this.child.once("error", reject);
      this.child.once("exit", () => clearTimeout(timer));
      // What a killed command leaves behind may hold its output open: that is not waited for.
      this.child.once("exit", (code, signal) => {
        const settle = () => {
          this.#over = true;
          resolve({ code, signal, ...this.#text });
        };
        if (signal) setTimeout(settle, 50);
        else this.child.once("close", settle);
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get output(): string {
    return this.#text.output;
  }

  /** Resolves with true once the output has the pattern, with false when the command ended without it. */
  async says(pattern: RegExp): Promise<boolean> {
    for (;;) {
      if (pattern.test(this.#text.output)) return true;
      if (this.#over) return false;
      await sleep(5);
    }
  }
}
