import type { ChangeSummary, Diagnostic, EngineEvent, StepMetadata } from "../deploy/events";
import { diffObjects } from "../property/diff";
import type { PropertyMap } from "../property/value";
import { isProviderType, parseUrn, stackType } from "../state/urn";

/** Default providers come and go with the resources that need them; they are not shown. */
export function isDefaultProvider(step: StepMetadata): boolean {
  return isProviderType(step.type) && /^default(_|$)/.test(parseUrn(step.urn).name);
}

/** Reading counts only when it found something else than before. */
function isCounted({ op, old, new: next }: StepMetadata): boolean {
  return op !== "read" || (old !== undefined && diffObjects(old.outputs ?? {}, next?.outputs ?? {}) !== undefined);
}

/** Collects what happened, for summaries and for views that come afterwards. */
export class Recorder {
  /** Steps as they began, and as they ended. */
  readonly started: StepMetadata[] = [];
  readonly steps: StepMetadata[] = [];
  readonly diagnostics: Diagnostic[] = [];
  readonly changes: ChangeSummary = {};
  readonly outputs = new Map<string, StepMetadata>();
  readonly failedUrns = new Set<string>();

  record(event: EngineEvent): void {
    if (event.kind === "diagnostic") {
      if (!event.diagnostic.ephemeral) this.diagnostics.push(event.diagnostic);
      if (event.diagnostic.severity === "error") this.failedUrns.add(event.diagnostic.urn);
      return;
    }
    if (isDefaultProvider(event.step)) return;
    if (event.kind === "outputs") this.outputs.set(event.step.urn, event.step);
    if (event.kind === "step-started") {
      this.started.push(event.step);
      this.steps.push(event.step);
    }
    if (event.kind !== "step-done") return;
    const { op, urn } = event.step;
    const index = this.steps.findLastIndex((step) => step.urn === urn && (step.op === op || step.op === "refresh"));
    this.steps[index] = event.step;
    if (event.step.logical && isCounted(event.step))
      this.changes[event.step.op] = (this.changes[event.step.op] ?? 0) + 1;
  }

  /** The stack's own outputs: new and, when there was one, old. */
  get stackOutputs(): { old: PropertyMap | undefined; new: PropertyMap | undefined } {
    const step = [...this.outputs.values()].find(({ type }) => type === stackType);
    return { old: step?.old?.outputs, new: step?.new?.outputs };
  }
}
