import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { hasPulumiCli, projectWithStack, type TestProject } from "../tests/engine/support/project";
import { median, seconds, table } from "./measure";

const count = 500;
const root = join(__dirname, "..");
const program = `for (let index = 0; index < ${count}; index++) new Thing("r" + index, { value: index, list: ["a", "b"] });`;

/** What a run used, in MB: everything, and the engine with its hosts, without program and providers. */
interface Memory {
  all: number;
  engine: number;
}

function start(project: TestProject, engine: string, argv: string[]): ChildProcess {
  const env = { ...project.env, PULUMI_SKIP_UPDATE_CHECK: "true" };
  if (engine === "pulumi") {
    return spawn("pulumi", [...argv, "--non-interactive"], { cwd: project.folder, env, stdio: "ignore" });
  }
  const code = `require("./engine/main.ts").runEngine(process.argv.slice(1)).then((code) => process.exit(code))`;
  const node = ["--require", "./boot/register.cjs", "-e", code, "--", ...argv, "--cwd", project.folder];
  return spawn(process.execPath, node, { cwd: root, env, stdio: "ignore" });
}

function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

/** The memory of a process and of all that it started, each shared page counted once. */
function memoryOf(pid: number): Memory {
  const parents = new Map(
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map((name) => [name, /\) \S (\d+)/.exec(read(name, "stat"))?.[1] ?? ""]),
  );
  const isOurs = (one: string): boolean => one === String(pid) || (parents.has(one) && isOurs(parents.get(one) ?? ""));
  const used: Memory = { all: 0, engine: 0 };
  for (const one of [...parents.keys()].filter(isOurs)) {
    const megabytes = Number(/^Pss:\s+(\d+)/m.exec(read(one, "smaps_rollup"))?.[1] ?? 0) / 1024;
    used.all += megabytes;
    if (!/cmd\/run|pulumi-resource-/.test(read(one, "cmdline"))) used.engine += megabytes;
  }
  return used;
}

/** Runs a command to its end; returns its seconds and the most memory that was seen. */
async function measured(project: TestProject, engine: string, argv: string[]): Promise<{ took: number; peak: Memory }> {
  const peak: Memory = { all: 0, engine: 0 };
  const took = await seconds(async () => {
    const child = start(project, engine, argv);
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
    const timer = setInterval(() => {
      const now = memoryOf(child.pid ?? 0);
      peak.all = Math.max(peak.all, now.all);
      peak.engine = Math.max(peak.engine, now.engine);
    }, 200);
    const code = await ended;
    clearInterval(timer);
    if (code !== 0) throw new Error(`${engine} ${argv.join(" ")} ended with ${code}`);
  });
  return { took, peak };
}

/** One stack of generated resources made, previewed without a change, and destroyed, by each engine in turn. */
export async function benchGenerated(rounds: number): Promise<string> {
  const engines = ["standalone", ...(hasPulumiCli() ? ["pulumi"] : [])];
  const commands = [["up", "--yes", "--skip-preview"], ["preview"], ["destroy", "--yes", "--skip-preview"]];
  const results = new Map<string, { took: number; peak: Memory }[]>();
  for (let round = 0; round < rounds; round++)
    for (const engine of engines) {
      const project = await projectWithStack(program);
      try {
        for (const argv of commands) {
          const key = `${engine} ${argv[0]}`;
          results.set(key, [...(results.get(key) ?? []), await measured(project, engine, argv)]);
        }
      } finally {
        project.remove();
      }
    }
  const cell = (key: string, pick: (result: { took: number; peak: Memory }) => number): number =>
    median((results.get(key) ?? []).map(pick));
  const row = (
    title: string,
    unit: string,
    pick: (result: { took: number; peak: Memory }) => number,
    word: string,
  ): string[] => {
    const [own, rival] = [cell(`standalone ${word}`, pick), cell(`pulumi ${word}`, pick)];
    const text = (value: number): string =>
      Number.isNaN(value) ? "not here" : `${value.toFixed(unit === "s" ? 1 : 0)} ${unit}`;
    return [title, text(own), text(rival), Number.isNaN(rival) ? "-" : `${(own / rival).toFixed(2)}x`];
  };
  return table(
    [`${count} generated resources`, "standalone engine", "Pulumi CLI", "ratio"],
    [
      row("`up` of a new stack", "s", ({ took }) => took, "up"),
      row("`preview`, nothing to do", "s", ({ took }) => took, "preview"),
      row("`destroy`", "s", ({ took }) => took, "destroy"),
      row("peak memory of `up`: engine and hosts", "MB", ({ peak }) => peak.engine, "up"),
      row("peak memory of `up`: with program and provider", "MB", ({ peak }) => peak.all, "up"),
    ],
  );
}
