import { race, table } from "./measure";
import { octollm } from "./octollm";

/** Whether the Pulumi CLI and the plugins that the program needs are here. */
async function hasPulumi(state: string): Promise<boolean> {
  try {
    return (await octollm(["stack", "ls", "--engine", "pulumi"], state)).includes("Pulumi CLI");
  } catch {
    return false;
  }
}

/** A preview and an `up` that have nothing to do, on each engine that is here. */
export async function benchEngines(stack: string, state: string, rounds: number): Promise<string> {
  const engines = ["standalone", ...((await hasPulumi(state)) ? ["pulumi"] : [])];
  const rows: string[][] = [];
  for (const words of [["preview"], ["up", "--yes", "--skip-preview"], ["up", "--yes"]]) {
    const work = (engine: string) => () => octollm([...words, "--stack", stack, "--engine", engine], state);
    const times = await race(Object.fromEntries(engines.map((engine) => [engine, work(engine)])), rounds);
    const [own = NaN, rival] = [times.get("standalone"), times.get("pulumi")];
    const shown = rival === undefined ? ["not here", "-"] : [`${rival.toFixed(2)} s`, `${(own / rival).toFixed(2)}x`];
    rows.push([`\`${words.join(" ")}\`, nothing to do`, `${own.toFixed(2)} s`, ...shown]);
  }
  return table(["command", "standalone engine", "Pulumi CLI", "ratio"], rows);
}

/** What the phases of an upgrade and of the way back take, by the standalone engine's own times. */
export async function benchPhases(stack: string, state: string): Promise<string> {
  const engine = ["--stack", stack, "--engine", "standalone"];
  await octollm(["config", "set", "acceptBreaking", "1.0.0", ...engine], state);
  const columns: Map<string, string>[] = [];
  for (const version of ["1.0.0", "0.1.0"]) {
    await octollm(["config", "set", "version", version, ...engine], state);
    const output = await octollm(["up", "--yes", "--skip-preview", ...engine], state);
    const found = [...output.matchAll(/(?:upgrade:index:|command:local:)(\w+) (\S+) updated \(([\d.]+s)\)/g)];
    columns.push(new Map(found.map(([, type, name, took]) => [`${type} ${name}`, took ?? ""])));
  }
  const [up = new Map<string, string>(), down = new Map<string, string>()] = columns;
  return table(
    ["phase", "0.1.0 -> 1.0.0", "1.0.0 -> 0.1.0"],
    [...up].map(([name, took]) => [name, took, down.get(name) ?? "-"]),
  );
}
