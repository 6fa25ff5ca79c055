import assert from "node:assert/strict";

import { Scenario, type ScenarioOptions } from "./scenario";

/** Runs a story in a scenario of its own, which is gone afterwards, however the story ends. */
export async function inScenario(options: ScenarioOptions, tell: (scenario: Scenario) => Promise<void>): Promise<void> {
  const scenario = await Scenario.create(options);
  try {
    await tell(scenario);
  } finally {
    await scenario.close();
  }
}

/** Every pattern is in the text; a failure shows the text and all that is missing. */
export function assertSays(text: string, ...patterns: (string | RegExp)[]): void {
  const missing = patterns.filter((pattern) =>
    typeof pattern === "string" ? !text.includes(pattern) : !pattern.test(text),
  );
  assert.ok(
    missing.length === 0,
    `these are missing:\n${missing.map((pattern) => `  ${String(pattern)}\n`).join("")}in:\n${text}`,
  );
}

/** None of the patterns is in the text. */
export function assertSilent(text: string, ...patterns: (string | RegExp)[]): void {
  const found = patterns.filter((pattern) =>
    typeof pattern === "string" ? text.includes(pattern) : pattern.test(text),
  );
  assert.ok(
    found.length === 0,
    `these must not be there:\n${found.map((pattern) => `  ${String(pattern)}\n`).join("")}in:\n${text}`,
  );
}

/** Text as if written on one line: engines break and indent long messages differently. */
export function unwrapped(text: string): string {
  return text.replace(/\s+/g, " ");
}
