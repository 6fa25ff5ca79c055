import path from "node:path";

import type { Backend } from "../backend/backend";
import { openBackend } from "../backend/backend";
import type { Parsed } from "../cli-options";
import type { Terminal } from "../display/colours";

/** Streams and surroundings of one call of the engine. */
export interface EngineIo {
  stdout: NodeJS.WritableStream & { isTTY?: boolean; columns?: number; rows?: number };
  stderr: NodeJS.WritableStream;
  stdin: NodeJS.ReadableStream & { isTTY?: boolean };
  env: NodeJS.ProcessEnv;
  cwd: string;
}

/** What every command works with. */
export interface CommandContext extends Parsed {
  io: EngineIo;
  backend(): Backend;
  terminal: Terminal;
  print(text: string): void;
  warn(text: string): void;
}

function wantsColours(io: EngineIo, choice: unknown): boolean {
  if (choice === "always") return true;
  if (choice === "never" || choice === "raw" || io.env.NO_COLOR) return false;
  return io.stdout.isTTY === true && io.env.TERM !== "dumb";
}

/** Puts a command's surroundings together. */
export function makeContext(io: EngineIo, parsed: Parsed): CommandContext {
  let opened: Backend | undefined;
  const named = parsed.flags["config-file"];
  const configFile = typeof named === "string" ? path.resolve(io.cwd, named) : undefined;
  const interactive = io.stdin.isTTY === true && io.stdout.isTTY === true && parsed.flags["non-interactive"] !== true;
  return {
    ...parsed,
    io,
    backend: () => (opened ??= openBackend(io.cwd, io.env, configFile)),
    terminal: {
      write: (text) => void io.stdout.write(text),
      colours: wantsColours(io, parsed.flags.color),
      interactive,
      columns: io.stdout.columns ?? 80,
      rows: io.stdout.rows ?? 24,
      live: io.stdout.isTTY === true && io.env.TERM !== "dumb" && parsed.flags["non-interactive"] !== true,
    },
    print: (text) => void io.stdout.write(`${text}\n`),
    warn: (text) => void io.stderr.write(`${text}\n`),
  };
}

/** The value of a flag that takes one. */
export function textFlag(context: CommandContext, name: string): string | undefined {
  const value = context.flags[name];
  return typeof value === "string" ? value : undefined;
}

/** All of standard input, without its last line end. */
export function readStandardInput(context: CommandContext): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    context.io.stdin.on("data", (data: Buffer | string) => (text += data.toString()));
    context.io.stdin.on("end", () => resolve(text.replace(/\r?\n$/, "")));
    context.io.stdin.on("error", reject);
  });
}
