import fs from "node:fs";
import path from "node:path";

import { listIfThere } from "../backend/files";
import type { HistoryRecord } from "../backend/history";
import { expectArguments } from "../cli-options";
import { type ConfigNode, decryptNode, holdsSecret } from "../config/stack-config";
import { type StepOp, stepOps } from "../deploy/events";
import { prefixOf } from "../display/colours";
import { ExitCode, OperatorError } from "../errors";
import { type CommandContext, textFlag } from "./context";
import { table } from "./table";

interface StoredRecord extends HistoryRecord {
  version: number;
  environment: Record<string, string>;
}

function readRecords(context: CommandContext, stack: string): StoredRecord[] {
  const folder = context.backend().location.history(stack);
  const names = listIfThere(folder).filter((name) => name.endsWith(".history.json") && !name.startsWith("."));
  return names.reverse().map((name) => {
    const file = path.join(folder, name);
    try {
      return JSON.parse(fs.readFileSync(file, "utf8")) as StoredRecord;
    } catch (error) {
      throw new OperatorError(`the history record ${file} cannot be read: ${(error as Error).message}`);
    }
  });
}

const asIso = (seconds: number): string => new Date(seconds * 1000).toISOString();

function changesOf({ resourceChanges = {} }: StoredRecord): string {
  return stepOps
    .filter((op: StepOp) => (resourceChanges[op] ?? 0) > 0)
    .map((op) => `${prefixOf(op).trim()}${resourceChanges[op]}`)
    .join(" ");
}

/** `stack history`: what was done to the stack, the last first. */
export async function history(context: CommandContext): Promise<number> {
  expectArguments("stack history", context.args, 0, 0);
  const backend = context.backend();
  const stack = backend.requireStack(textFlag(context, "stack"));
  const records = readRecords(context, stack);
  if (context.flags.json === true) {
    const show = context.flags["show-secrets"] === true;
    const secrets = show ? await backend.secrets(backend.config(stack)) : undefined;
    const setting = (key: string, node: ConfigNode): Record<string, unknown> => {
      const secret = holdsSecret(node);
      if (secret && !show) return { secret };
      const value = decryptNode(node, secrets, key);
      const isObject = typeof value === "object" && value !== null;
      return isObject ? { value: JSON.stringify(value), objectValue: value, secret } : { value: String(value), secret };
    };
    const shown = records.map((record) => ({
      ...record,
      startTime: asIso(record.startTime),
      endTime: asIso(record.endTime),
      config: Object.fromEntries(
        Object.entries(record.config ?? {}).map(([key, node]) => [key, setting(key, node as ConfigNode)]),
      ),
    }));
    context.print(JSON.stringify(shown, null, 2));
    return ExitCode.success;
  }
  if (records.length === 0) context.print("Stack has never been updated");
  else {
    const rows = records.map((record) => [
      asIso(record.startTime).replace("T", " ").slice(0, 19),
      `${record.endTime - record.startTime}s`,
      record.kind,
      record.result,
      changesOf(record),
      record.message,
    ]);
    context.print(table(["TIME", "TOOK", "KIND", "RESULT", "CHANGES", "MESSAGE"], rows));
  }
  return ExitCode.success;
}
