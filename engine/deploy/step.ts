import type { PropertyDiff, ResourceProvider } from "../plugins/provider";
import type { ResourceState } from "../state/resource";
import type { StepMetadata, StepOp } from "./events";

/** One thing to do to one resource. */
export interface Step {
  op: StepOp;
  old?: ResourceState;
  new?: ResourceState;
  /** Undefined for components, and for resources that need no call. */
  provider?: ResourceProvider;
  diffs?: readonly string[];
  keys?: readonly string[];
  detailedDiff?: Readonly<Record<string, PropertyDiff>>;
  ignoreChanges?: readonly string[];
  /** `create-replacement`: the old one is deleted at the end of the run. */
  pendingDelete?: boolean;
  /** `delete-replaced`: the old one stays in the state until its replacement is there. */
  pendingReplacement?: boolean;
  /** Not among the targets and not there yet: the program hears of it, the state does not. */
  skippedCreate?: boolean;
  /** Nothing is to be deleted outside (retained, external, or gone with another resource). */
  skipProvider?: boolean;
}

const parts = new Set<StepOp>([
  "create-replacement",
  "delete-replaced",
  "discard-replaced",
  "remove-pending-replace",
  "read-replacement",
]);

/** What a step is about. */
export function subject(step: Step): ResourceState {
  const state = step.new ?? step.old;
  if (!state) throw new Error("a step has neither an old nor a new state");
  return state;
}

/** The step as it is shown. */
export function metadataOf(step: Step): StepMetadata {
  const { urn, type } = subject(step);
  return { ...step, urn, type, logical: !parts.has(step.op) };
}
