import type { PropertyDiff } from "../plugins/provider";
import type { ResourceState } from "../state/resource";

/** What can happen to a resource, in Pulumi's words and in the order of its summaries. */
export const stepOps = [
  "same",
  "create",
  "update",
  "delete",
  "replace",
  "create-replacement",
  "delete-replaced",
  "read",
  "read-replacement",
  "refresh",
  "discard",
  "discard-replaced",
  "remove-pending-replace",
] as const;

export type StepOp = (typeof stepOps)[number];

/** A step as it is shown: before, while and after it runs. */
export interface StepMetadata {
  op: StepOp;
  urn: string;
  type: string;
  old?: ResourceState;
  new?: ResourceState;
  /** Top-level keys that changed, and those that force the replacement. */
  diffs?: readonly string[];
  keys?: readonly string[];
  detailedDiff?: Readonly<Record<string, PropertyDiff>>;
  /** False for a part of a replacement: only the `replace` is counted. */
  logical: boolean;
  /** What a refresh found, whatever the operation is called. */
  refreshed?: boolean;
}

export type Severity = "debug" | "info" | "warning" | "error";

/** A message about a resource, or about the stack when `urn` is empty. */
export interface Diagnostic {
  urn: string;
  severity: Severity;
  message: string;
  /** Of the moment only: progress. */
  ephemeral: boolean;
  streamId?: number;
}

export type EngineEvent =
  | { kind: "step-started"; step: StepMetadata }
  | { kind: "step-done"; step: StepMetadata; seconds: number }
  | { kind: "step-failed"; step: StepMetadata; seconds: number }
  | { kind: "outputs"; step: StepMetadata }
  | { kind: "diagnostic"; diagnostic: Diagnostic };

/** Whoever wants to know what the engine does. */
export type EventSink = (event: EngineEvent) => void;

/** How many resources each operation met. */
export type ChangeSummary = Partial<Record<StepOp, number>>;
