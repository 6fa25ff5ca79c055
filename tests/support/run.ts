import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";

/** How a program ended, and what it wrote. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, without a terminal. */
export async function run(
  program: string,
  argv: readonly string[],
  { cwd, env = {} }: { cwd: string; env?: NodeJS.ProcessEnv },
): Promise<Ended> {
  const child = spawn(program, argv, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const text = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const)
    child[stream].on("data", (chunk: Buffer) => (text[stream] += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...text };
}

/** `octollm` with these words, in a folder of an installation. */
export async function octollm(cwd: string, argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return run(process.execPath, [resolve(__dirname, "..", "..", "bin", "octollm"), ...argv], { cwd, env });
}

/** The real Alembic: the program that OCTOLLM_ALEMBIC names, else the one on PATH; undefined where there is none. */
export const alembicProgram =
  process.env.OCTOLLM_ALEMBIC ??
  (process.env.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, "alembic"))
    .find((path) => existsSync(path));

/** `alembic` with these words, in an exported folder. */
export async function alembic(cwd: string, argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  if (alembicProgram === undefined) throw new Error("there is no Alembic here");
  return run(alembicProgram, argv, { cwd, env });
}
