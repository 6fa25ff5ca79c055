import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";

import { race, table } from "./measure";

const project = resolve(__dirname, "..");

function node(argv: readonly string[], cache?: string): () => Promise<void> {
  return () => {
    const env = { ...process.env, ...(cache === undefined ? {} : { OCTOLLM_COMPILE_CACHE: cache }) };
    execFileSync(process.execPath, argv, { cwd: project, stdio: "ignore", env });
    return Promise.resolve();
  };
}

/** What loading the program's TypeScript costs: with every file compiled already, and with none. */
export async function benchLoader(folder: string, rounds: number): Promise<string> {
  const load = ["-r", "./boot/register.cjs", "-e"];
  const program = `require("./components/upgrade.ts")`;
  const cache = join(folder, "compiled");
  const cold = () => {
    rmSync(cache, { recursive: true, force: true });
    return node([...load, program], cache)();
  };
  const times = await race(
    {
      "the SDK alone, no TypeScript": node(["-e", `require("@pulumi/pulumi"); require("@pulumi/command")`]),
      "the program, all files compiled before": node([...load, program]),
      "the program, after every file changed": cold,
    },
    rounds,
  );
  return table(
    ["start-up", "median"],
    [...times].map(([name, took]) => [name, `${took.toFixed(2)} s`]),
  );
}
