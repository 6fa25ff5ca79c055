import fs from "node:fs";
import path from "node:path";

import type { ChangeSummary } from "../deploy/events";
import { engineVersion } from "./checkpoint";
import { unixNano } from "./clock";
import { writeDurably } from "./files";
import type { Location } from "./location";

/** What is remembered of one operation. */
export interface HistoryRecord {
  kind: "update" | "destroy" | "refresh";
  startTime: number;
  message: string;
  config: Record<string, unknown>;
  result: "succeeded" | "failed";
  endTime: number;
  resourceChanges: ChangeSummary;
}

/** Adds a record with a copy of the state, and a backup of the state, as the Pulumi CLI does after each operation. */
export function recordHistory(location: Location, stack: string, record: HistoryRecord, env: NodeJS.ProcessEnv): void {
  const { kind, startTime, message, config, result, endTime, resourceChanges } = record;
  const environment = {
    "exec.kind": "octollm-engine",
    "pulumi.version": engineVersion,
    "runtime.version": process.version,
  };
  const state = fs.readFileSync(location.checkpoint(stack), "utf8");
  const base = path.join(location.history(stack), `${stack}-${unixNano()}`);
  const text = JSON.stringify({
    kind,
    startTime,
    message,
    environment,
    config,
    version: 0,
    result,
    endTime,
    resourceChanges,
  });
  writeDurably(`${base}.history.json`, text);
  writeDurably(`${base}.checkpoint.json`, state);
  if (env.PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS !== "true") {
    writeDurably(path.join(location.backups(stack), `${stack}.${unixNano()}.json`), state);
  }
}
