import { runEngine } from "../../../engine/main";
import { chore } from "../../support/chore";

const asked = new Map<string, Promise<string | null>>();

/**
 * What `octollm <words> --help` prints; null when there is no such command.
 *
 * @param words - such as `["backups", "restore"]`
 */
export function helpOf(words: readonly string[]): Promise<string | null> {
  const key = words.join(" ");
  const asking = asked.get(key) ?? ask(words);
  asked.set(key, asking);
  return asking;
}

async function ask(words: readonly string[]): Promise<string | null> {
  const own = await chore(...words, "--help");
  if (own.code === 0 && own.out.toString().startsWith(`Usage: octollm ${words.join(" ")} `)) return own.out.toString();
  const engine = await printed(() => runEngine([...words, "--help"]));
  return engine.code === 0 && engine.out.startsWith(`${words.join(" ")}: `) ? engine.out : null;
}

/** The engine writes to where this process does; what it says to standard error is not wanted. */
async function printed(run: () => Promise<number>): Promise<{ readonly code: number; readonly out: string }> {
  const { stdout, stderr } = process;
  const [toStdout, toStderr] = [stdout.write.bind(stdout), stderr.write.bind(stderr)];
  let out = "";
  stdout.write = (chunk: string | Uint8Array) => {
    out += Buffer.from(chunk as string).toString();
    return true;
  };
  stderr.write = () => true;
  try {
    return { code: await run(), out };
  } catch {
    return { code: 1, out };
  } finally {
    stdout.write = toStdout;
    stderr.write = toStderr;
  }
}

/** Words of the engine that take another one. */
const groups = ["stack", "state", "config"];

/** Options of `octollm` itself, which its command lines take before an engine sees them. */
const own = ["--engine", "--report", "--help", "--stack"];

/**
 * What is wrong with a command line of a page: a word or an option that there is not. Values and file names are not looked at.
 *
 * @param line - such as `npx octollm backups list --json`
 */
export async function faultOf(line: string): Promise<string | null> {
  const [, ...tokens] = line.replace(/^npx /, "").split(/\s+/);
  const words = tokens.slice(0, 2).filter((token) => /^[a-z][a-z-]*$/.test(token));
  const two = words.length === 2 ? await helpOf(words) : null;
  const help = two ?? (await helpOf(words.slice(0, 1)));
  const isGroup = /^Commands:$/m.test(help ?? "") || groups.includes(words[0] ?? "");
  if (two === null && isGroup && words.length === 2) return `there is no command '${words.join(" ")}'`;
  if (help === null) return `there is no command '${words.join(" ")}'`;
  const options = tokens.filter((token) => /^--[a-z]/.test(token)).map((token) => token.split("=")[0] ?? "");
  const missing = options.filter((option) => !own.includes(option) && !new RegExp(`${option}\\b(?!-)`).test(help));
  return missing.length === 0 ? null : `'${words.join(" ")}' has no ${missing.join(", ")}`;
}
