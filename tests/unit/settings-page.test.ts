import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

import type { z } from "zod";

import { generatedPages } from "../../reference/pages";
import { settingsPage } from "../../reference/settings-page";
import { parseSettings, settingsJsonSchemas } from "../../settings";

const program = resolve(__dirname, "..", "..");
const services = {
  local: { name: "orchestrator", command: "serve {version}", port: 8000, health: "/health", log: "logs/o.log" },
  docker: { name: "orchestrator", container: "orchestrator", image: "octollm/orchestrator:{version}" },
};
type Target = keyof typeof services;

interface Field {
  readonly examples?: readonly unknown[];
  readonly items?: Field;
  readonly properties?: Readonly<Record<string, Field>>;
}

/** The examples of every key, each as the value of its setting. */
function examplesOf(target: Target, schema: Field): [string, unknown][] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, field]) =>
    valuesOf(field, startOf(target, key)).map((value): [string, unknown] => {
      // What a service depends on stands before it.
      if (!JSON.stringify(value).includes("dependsOn")) return [key, value];
      return [key, [{ ...services.docker, name: "postgres", container: "postgres" }, ...(value as unknown[])]];
    }),
  );
}

/** Values of a field, each with one example in it, at whatever depth. */
function valuesOf({ examples = [], items, properties }: Field, start: object): unknown[] {
  if (items?.properties) {
    const whole = (examples as readonly object[][])[0]?.[0] ?? start;
    return [...examples, ...groupsOf(items.properties, whole).map((group) => [group])];
  }
  return [...examples, ...groupsOf(properties ?? {}, start)];
}

function groupsOf(fields: Readonly<Record<string, Field>>, start: object): object[] {
  return Object.entries(fields).flatMap(([name, field]) =>
    valuesOf(field, {}).map((value) => ({ ...start, [name]: value })),
  );
}

/** What a group must have beside the key that is looked at. */
function startOf(target: Target, key: string): object {
  if (key === "services") return services[target];
  if (key === "notify") return { url: "https://hooks.example.com/x" };
  return key === "window" ? { timezone: "UTC" } : {};
}

describe("the reference of settings", () => {
  for (const [path, text] of Object.entries(generatedPages()))
    it(`${path} is what 'npm run docs' writes`, () => {
      assert.equal(readFileSync(join(program, path), "utf8"), text, `${path} is stale: run 'npm run docs'`);
    });

  for (const target of ["local", "docker"] as const)
    it(`has examples for target ${target} that the program accepts`, () => {
      const examples = examplesOf(target, settingsJsonSchemas()[target] as Field);
      assert.ok(examples.length >= 45, String(examples.length));
      for (const [key, value] of examples) {
        const raw = { version: "1.0.0", services: [services[target]], [key]: value, target };
        const handed = Object.entries(raw).map(([name, each]) => [
          name,
          typeof each === "string" ? each : JSON.stringify(each),
        ]);
        assert.doesNotThrow(
          () => parseSettings(Object.fromEntries(handed) as Record<string, string>, ["databaseUrl", "notify"]),
          `${key}: ${JSON.stringify(value)}`,
        );
      }
    });

  it("cannot be written while a key has no description, no example, or only one of its two places", () => {
    const key = { type: "string", description: "A key." };
    const page = (local: z.core.JSONSchema.BaseSchema) => settingsPage({ g: key }, { local }, []);
    const group = (field: { readonly description?: string; examples?: unknown[] }) => ({
      properties: { g: { type: "object" as const, properties: { k: field } } },
    });
    assert.throws(() => page({ properties: {} }), /'g' stands in Pulumi.yaml and not in settings\/schema.ts/);
    assert.throws(() => page({ properties: { g: { type: "string" } } }), /'g' has no example/);
    assert.throws(() => page(group({ examples: [1] })), /'g.k' has no description/);
    assert.throws(() => page(group({ description: "d" })), /'g.k' has no example/);
  });
});
