import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";

const project = resolve(__dirname, "..");
const run = promisify(execFile);

/** Runs `octollm` in this project, away from the reader's own stacks, and answers what it printed. */
export async function octollm(argv: readonly string[], state: string): Promise<string> {
  const { stdout, stderr } = await run(process.execPath, ["bin/octollm", ...argv], {
    cwd: project,
    env: { ...process.env, PULUMI_BACKEND_URL: `file://${state}`, PULUMI_CONFIG_PASSPHRASE: "bench", NO_COLOR: "1" },
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout + stderr;
}
