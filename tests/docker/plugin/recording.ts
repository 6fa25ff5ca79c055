import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import type { CheckResult, DiffResult } from "../../../engine/plugins/provider";
import type { PropertyMap } from "../../../engine/property/value";
import type { StateName } from "./cases";

export interface RecordedState {
  readonly id: string;
  readonly inputs: PropertyMap;
  readonly outputs: PropertyMap;
}

/** What the plugin of @pulumi/docker said. */
export interface Recording {
  readonly plugin: string;
  readonly states: Record<StateName, RecordedState>;
  readonly checks: Record<string, CheckResult>;
  readonly diffs: Record<string, DiffResult | { error: string }>;
}

export const recordingPath = resolve(__dirname, "..", "..", "fixtures", "docker", "plugin.json");

export const readRecording = (): Recording => JSON.parse(readFileSync(recordingPath, "utf8")) as Recording;
