import { readFileSync } from "node:fs";
import { join } from "node:path";

import { parse } from "yaml";

import { secretSettings, settingsJsonSchemas } from "../settings";
import { type DeclaredKey, settingsPage } from "./settings-page";

const program = join(__dirname, "..");

/** The pages of `docs/` that are made from the program: their paths, relative to it, and what is to stand in them. */
export function generatedPages(): Readonly<Record<string, string>> {
  const { config } = parse(readFileSync(join(program, "Pulumi.yaml"), "utf8")) as {
    config: Record<string, DeclaredKey>;
  };
  return { "docs/settings.md": settingsPage(config, settingsJsonSchemas(), secretSettings) };
}
