import pc from "picocolors";

import type { StepOp } from "../deploy/events";

/** Where text goes, and whether it may be coloured. */
export interface Terminal {
  write(text: string): void;
  colours: boolean;
  interactive: boolean;
  columns: number;
  rows: number;
  /** What was written can be drawn over. */
  live: boolean;
}

/** The marks of the operations, two characters wide. */
const prefixes: Record<StepOp, string> = {
  same: "  ",
  create: "+ ",
  update: "~ ",
  delete: "- ",
  replace: "+-",
  "create-replacement": "++",
  "delete-replaced": "--",
  "discard-replaced": "<<",
  discard: "< ",
  read: "> ",
  "read-replacement": ">>",
  refresh: "~ ",
  "remove-pending-replace": "~ ",
};

export const prefixOf = (op: StepOp): string => prefixes[op];

/** Paints text in the colour of an operation. */
export type Painter = (op: StepOp | "headline" | "error" | "warning" | "faint", text: string) => string;

/** Operations in Pulumi's colours, or everything plain. */
export function painter(colours: boolean): Painter {
  const paint = pc.createColors(colours);
  return (op, text) => {
    switch (op) {
      case "create":
        return paint.green(text);
      case "create-replacement":
        return paint.green(text);
      case "update":
      case "refresh":
        return paint.yellow(text);
      case "delete":
      case "delete-replaced":
      case "discard":
      case "discard-replaced":
      case "error":
        return paint.red(text);
      case "replace":
      case "read-replacement":
      case "warning":
        return paint.magenta(text);
      case "headline":
        return paint.bold(text);
      case "faint":
        return paint.dim(text);
      default:
        return text;
    }
  };
}

const doing: Partial<Record<StepOp, string>> = {
  create: "creating",
  update: "updating",
  delete: "deleting",
  replace: "replacing",
  "create-replacement": "creating replacement",
  "delete-replaced": "deleting original",
  read: "reading",
  discard: "discarding",
  refresh: "refreshing",
};

const done: Partial<Record<StepOp, string>> = {
  create: "created",
  update: "updated",
  delete: "deleted",
  replace: "replaced",
  "create-replacement": "created replacement",
  "delete-replaced": "deleted original",
  read: "read",
  discard: "discarded",
  refresh: "refreshed",
};

const failing: Partial<Record<StepOp, string>> = {
  create: "creating failed",
  update: "updating failed",
  delete: "deleting failed",
  replace: "replacing failed",
  "create-replacement": "creating replacement failed",
  "delete-replaced": "deleting original failed",
  refresh: "refreshing failed",
};

/** `creating`, `created`, `creating failed`; in a preview simply `create`. */
export const inProgress = (op: StepOp): string => doing[op] ?? op;
export const pastTense = (op: StepOp): string => done[op] ?? op;
export const failedTense = (op: StepOp): string => failing[op] ?? `${op} failed`;
