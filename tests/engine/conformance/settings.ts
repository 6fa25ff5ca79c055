import fs from "node:fs";

import { parse } from "yaml";

import { type Engine, projectWithStack } from "../support/project";
import type { Json } from "./observe";

/** The name of this part's recording. */
export const settings = "settings";

const set = (...argv: string[]): string[] => ["config", "set", ...argv];
const setPath = (...argv: string[]): string[] => set("--path", ...argv);

/** What is typed one after another: each changes the same settings file, or is refused. */
const commands: string[][] = [
  set("plain", "1"),
  set("empty", ""),
  set("other:key", "elsewhere"),
  setPath("list[0]", "a"),
  setPath("list[1]", "2"),
  setPath("list[3]", "beyond the end"),
  setPath("outer.inner", "true"),
  setPath('outer["a.b"].c', "deep"),
  setPath("outer.list[0].name", "first"),
  setPath("outer.inner.below", "a scalar stands there"),
  setPath("plain.below", "a scalar stands there"),
  setPath("list.name", "an array stands there"),
  setPath("other:tree.leaf", "elsewhere"),
  ...["007", "1.5", "-3", "", "false", "null", " 1"].map((text, index) => setPath(`typed.of${index}`, text)),
  set("--secret", "hidden", "hush"),
  setPath("--secret", "outer.token", "hush"),
  set("--secret", "--plaintext", "plain", "both"),
  set("hidden", "no longer", "--plaintext"),
  set("plain.with.dots", "one key"),
  setPath("broken[", "no path"),
  ["config", "get", "plain"],
  ["config", "get", "outer", "--json"],
  ["config", "get", "--path", "outer.inner"],
  ["config", "get", "--path", "outer.token"],
  ["config", "get", "--path", "list[1]"],
  ["config", "get", "--path", "outer.missing"],
  ["config", "get", "missing"],
  ["config", "get", "plain", "--json"],
  ["config", "--json"],
  ["config", "rm", "--path", "list[0]"],
  ["config", "rm", "--path", "outer.token"],
  ["config", "rm", "--path", "outer.missing"],
  ["config", "rm", "plain"],
  ["config", "rm", "missing"],
];

/** Ciphertexts are never the same twice. */
const withoutCiphertexts = (node: Json): Json => {
  if (Array.isArray(node)) return node.map(withoutCiphertexts);
  if (typeof node !== "object" || node === null) return node;
  const entries = Object.entries(node).map(([key, item]) => [
    key,
    key === "secure" ? "(ciphertext)" : withoutCiphertexts(item),
  ]);
  return Object.fromEntries(entries) as Json;
};

/** What each command left in the settings file, how it ended, and what it answered. */
export async function playSettings(engine: Engine): Promise<Record<string, Json>[]> {
  const project = await projectWithStack("");
  const observed: Record<string, Json>[] = [];
  try {
    for (const argv of commands) {
      const run = await engine(project, argv);
      const { config = {} } = parse(fs.readFileSync(project.file("Pulumi.dev.yaml"), "utf8")) as { config?: Json };
      const answer = argv.includes("set") || argv.includes("rm") || run.code !== 0 ? "" : run.stdout.trim();
      observed.push({
        title: argv.join(" "),
        ended: run.code === 0 ? "well" : "refused",
        ...(answer ? { answer: argv.includes("--json") ? (JSON.parse(answer) as Json) : answer } : {}),
        ...(argv.includes("get") || argv.includes("config --json") ? {} : { settings: withoutCiphertexts(config) }),
      });
    }
    return observed;
  } finally {
    project.remove();
  }
}
