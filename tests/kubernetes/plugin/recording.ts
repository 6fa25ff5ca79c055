import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import type { CheckResult, DiffResult } from "../../../engine/plugins/provider";
import type { PropertyMap } from "../../../engine/property/value";
import type { StateName } from "./cases";

/** A resource as the plugin left it. */
export interface RecordedState {
  readonly id: string;
  readonly inputs: PropertyMap;
  readonly outputs: PropertyMap;
}

/** What the plugin did with one object from its creation to its end. */
export interface RecordedLife {
  readonly previewed: PropertyMap;
  readonly created: RecordedState;
  /** Null when a refresh changed nothing but what differs by itself. */
  readonly refreshed: RecordedState;
}

/** What the plugin of @pulumi/kubernetes said. */
export interface Recording {
  readonly plugin: string;
  readonly lives: Record<StateName, RecordedLife>;
  readonly checks: Record<string, CheckResult>;
  readonly diffs: Record<string, DiffResult | { error: string }>;
}

export const recordingPath = resolve(__dirname, "..", "..", "fixtures", "kubernetes", "plugin.json");

export const readRecording = (): Recording => JSON.parse(readFileSync(recordingPath, "utf8")) as Recording;
