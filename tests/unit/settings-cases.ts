import assert from "node:assert/strict";

import { parseSettings, SettingsError } from "../../settings";

export type Raw = Readonly<Record<string, unknown>>;

export const service = {
  name: "orchestrator",
  command: "serve {version}",
  port: 8000,
  health: "/health",
  log: "logs/o.log",
};
export const least: Raw = { version: "1.0.0", target: "local", services: [service] };

/** Configuration as Pulumi hands it over: text as it is, everything else as JSON. */
export function handedOver(raw: Raw): Record<string, string> {
  const entries = Object.entries(raw).map(([key, value]) => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  return Object.fromEntries(entries) as Record<string, string>;
}

export function settingsOf(changes: Raw = {}, secretKeys: readonly string[] = []): ReturnType<typeof parseSettings> {
  return parseSettings(handedOver({ ...least, ...changes }), secretKeys);
}

/** The lines of the refusal, a fault each. */
export function faultsOf(raw: Raw, secretKeys: readonly string[] = []): string[] {
  try {
    parseSettings(handedOver(raw), secretKeys);
  } catch (error) {
    assert.ok(error instanceof SettingsError);
    const [first, ...rest] = error.message.split("\n");
    assert.equal(first, "The configuration of this stack cannot be used; nothing was touched.");
    assert.match(rest.at(-1) ?? "", /^Correct it with 'octollm config set <key> <value>' or in the stack file/);
    return rest.slice(0, -1).map((line) => line.trim());
  }
  throw new Error("accepted, where a refusal was expected");
}
