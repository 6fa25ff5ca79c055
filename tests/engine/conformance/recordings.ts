import fs from "node:fs";
import path from "node:path";

import type { Json } from "./observe";

const folder = path.resolve(__dirname, "../../fixtures/conformance");

/** What the Pulumi CLI did, and which one it was. */
export interface Recording {
  cli: string;
  commands: Record<string, Json>[];
}

const fileOf = (name: string): string => path.join(folder, `${name}.json`);

export function readRecording(name: string): Recording {
  return JSON.parse(fs.readFileSync(fileOf(name), "utf8")) as Recording;
}

/** Writes a recording with each call, step and resource on a line of its own, for the eyes that compare two of them. */
export function writeRecording(name: string, { cli, commands }: Recording): void {
  const texts = commands.map((command) => {
    const entries = Object.entries(command).map(([key, value]) => {
      const text =
        Array.isArray(value) && value.length > 0
          ? `[\n${value.map((item) => JSON.stringify(item)).join(",\n")}]`
          : JSON.stringify(value);
      return `${JSON.stringify(key)}: ${text}`;
    });
    return `{${entries.join(",\n")}}`;
  });
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(fileOf(name), `{"cli": ${JSON.stringify(cli)}, "commands": [\n${texts.join(",\n")}]}\n`);
}

/** Names of all recordings that there are. */
export function recordedNames(): string[] {
  return fs.readdirSync(folder).map((file) => path.basename(file, ".json"));
}
