import type { StepMetadata } from "../deploy/events";
import { StateCodec } from "../state/codec";
import type { ResourceState } from "../state/resource";
import { stackType } from "../state/urn";
import type { Recorder } from "./recorder";

const codec = new StateCodec(undefined);

function stateJson(state: ResourceState | undefined): unknown {
  return state && codec.encodeJson(state, "masked");
}

/** Steps that are not a resource's own story are left out, as by the Pulumi CLI. */
function isShown({ op, type, logical, refreshed, old, new: next }: StepMetadata): boolean {
  if (op === "same") return type === stackType || (old?.protect ?? false) !== (next?.protect ?? false);
  return logical || op === "refresh" || refreshed === true;
}

function stepJson(shown: StepMetadata): Record<string, unknown> {
  // What a refresh found stands in the steps that follow it.
  const { op, urn, type, old, logical } = shown;
  const step: StepMetadata = op === "refresh" ? { op, urn, type, logical, old, new: old } : shown;
  const detailedDiff = step.detailedDiff
    ? Object.fromEntries(
        Object.entries(step.detailedDiff).map(([path, { kind, inputDiff }]) => [path, { kind, inputDiff }]),
      )
    : null;
  const provider = (step.new ?? step.old)?.provider;
  const entries: [string, unknown][] = [
    ["op", step.op],
    ["urn", step.urn],
    ["provider", provider || undefined],
    ["oldState", stateJson(step.old)],
    ["newState", stateJson(step.new)],
    ["diffReasons", step.diffs?.length ? step.diffs : undefined],
    ["replaceReasons", step.keys?.length ? step.keys : undefined],
    ["detailedDiff", detailedDiff],
  ];
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** `preview --json`: the Pulumi CLI's shape, on which other tools rely. */
export function renderJson(recorder: Recorder, config: Record<string, string>, seconds: number): string {
  const steps = recorder.started.filter(isShown);
  const digest = {
    ...(Object.keys(config).length > 0 ? { config } : {}),
    steps: steps.map(stepJson),
    diagnostics: recorder.diagnostics.map(({ urn, severity, message }) => ({
      ...(urn ? { urn } : {}),
      message: severity === "info" ? `${message}\n` : `${severity}: ${message}\n`,
      severity,
    })),
    duration: Math.round(seconds * 1e9),
    changeSummary: Object.fromEntries(
      Object.entries(recorder.changes).sort(([left], [right]) => (left < right ? -1 : 1)),
    ),
  };
  return `${JSON.stringify(digest, null, 4)}\n`;
}
