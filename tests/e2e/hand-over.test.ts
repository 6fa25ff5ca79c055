import assert from "node:assert/strict";

import { type Engine, engines } from "./support/engines";
import { inScenario } from "./support/story";
import { together } from "./support/together";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Times, random ids and what is encrypted anew each time are no differences. */
function normalised(value: Json, key = ""): Json {
  if (Array.isArray(value)) {
    const items = value.map((item) => normalised(item));
    // Sets, in the order in which the SDK came to know their members.
    return ["dependencies", "propertyDependencies"].includes(key) ? items.sort() : items;
  }
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(
      Object.entries(value)
        // Where in the program a resource is made: the CLI keeps it where the SDK gives it.
        .filter(
          ([name]) =>
            !["manifest", "secrets_providers", "created", "modified", "sourcePosition", "stackTrace"].includes(name),
        )
        .map(([name, inner]) => [name, normalised(inner, key === "propertyDependencies" ? key : name)]),
    );
  if (typeof value !== "string") return ["seconds", "downtimeSeconds", "bytes"].includes(key) ? 0 : value;
  return value
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "<uuid>")
    .replace(/(services-[a-z]+?)[0-9a-f]{8}\b/g, "$1<id>")
    .replace(/\bv1:[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+/g, "<secret>")
    .replace(/\d{8}T\d{6}Z/g, "<time>")
    .replace(/\b(pid|port) \d+/g, "$1 <number>")
    .replace(/\b(?:after )?\d+\.\d s\b/g, "<seconds>");
}

const other = (engine: Engine): Engine => (engine === "pulumi" ? "standalone" : "pulumi");

if (engines.includes("pulumi"))
  describe("either engine goes on where the other one stopped", () => {
    const story = together();

    for (const first of engines)
      story(`step by step, beginning with ${first}`, () =>
        inScenario({ kind: "installed" }, async (scenario) => {
          let engine = first;
          const settled = async () => {
            await scenario.must(["preview", "--expect-no-changes"], other(engine));
            await scenario.must(["preview", "--expect-no-changes"], engine);
            assert.deepEqual(await exported(engine), await exported(other(engine)));
          };
          const exported = async (by: Engine) => {
            const { stdout } = await scenario.octollm(["stack", "export"], by);
            return normalised((JSON.parse(stdout) as { deployment: Json }).deployment);
          };
          const takeTurns = async () => {
            await scenario.up(engine);
            await settled();
            engine = other(engine);
          };
          await scenario.must(
            ["adopt", "--stack", "dev", "--installation", "octollm", "--service", `orchestrator=${scenario.port}`],
            other(first),
          );
          await takeTurns();
          const original = await scenario.world();
          scenario.set({ acceptBreaking: "1.0.0" });
          for (const version of ["1.0.0", "0.1.0"]) {
            await scenario.must(["config", "set", "version", version], other(engine));
            await takeTurns();
          }
          assert.deepEqual(await scenario.world(), original);
        }),
      );

    story("both leave the same state after the same upgrade", async () => {
      const states: Json[] = [];
      for (const engine of engines)
        await inScenario({ engine, settings: { version: "1.0.0", acceptBreaking: "1.0.0" } }, async (scenario) => {
          await scenario.up();
          const { stdout } = await scenario.octollm(["stack", "export"]);
          const own = stdout
            .replaceAll(scenario.folder, "<folder>")
            .replaceAll(new URL(scenario.databaseUrl).pathname.slice(1), "<database>")
            .replace(new RegExp(`\\b${scenario.port}\\b`, "g"), "0")
            // The plan's id is that of a database by its name, and the settings file has the name in it.
            .replace(/"(id|planId|plan|environment)": "[0-9a-f]{12}"/g, '"$1": "<digest>"');
          states.push(normalised((JSON.parse(own) as { deployment: Json }).deployment));
        });
      assert.deepEqual(states[1], states[0]);
    });
  });
