import type { StepMetadata } from "../deploy/events";
import { diffObjects } from "../property/diff";
import { parsePath } from "../property/path";
import { isUnknown, type PropertyMap } from "../property/value";
import { providerUrn } from "../state/resource";
import { parseUrn, stackType } from "../state/urn";
import { type Painter, prefixOf } from "./colours";
import { translateDetailedDiff } from "./detailed-diff";
import { DiffWriter, renderObjectDiff } from "./property-diff";
import { ValueWriter } from "./values";

/** What `--diff` shows of a whole run: every step with its properties, parents before children. */
export function renderSteps(steps: readonly StepMetadata[], stackOutputs: StackOutputs, paint: Painter): string {
  const shown = steps.filter(isShown);
  const seen = new Map(steps.map((step) => [step.urn, step]));
  const stack = steps.find(({ type }) => type === stackType);
  const rest = shown.filter((step) => step !== stack);
  const body = rest.map((step) => renderStep(step, indentOf(step, seen), paint)).join("");
  const changes = renderOutputChanges(stackOutputs, paint);
  const outputs = changes === "" ? "" : `    --outputs:--\n${changes}`;
  if (!stack || (body === "" && outputs === "" && stack.op === "same")) return body;
  return `${renderStep(stack, 0, paint)}${body}${outputs}`;
}

/** The stack's outputs before and after. */
export interface StackOutputs {
  old: PropertyMap | undefined;
  new: PropertyMap | undefined;
}

function isShown(step: StepMetadata): boolean {
  if (step.op === "refresh") return hasMoved(step);
  return step.logical && (step.op !== "same" || step.type === stackType);
}

/** Whether a refresh found a resource other than the state had it. */
export function hasMoved({ refreshed, old, new: next }: StepMetadata): boolean {
  return refreshed === true && (!next || diffObjects(old?.outputs ?? {}, next.outputs ?? {}) !== undefined);
}

function indentOf(step: StepMetadata, seen: ReadonlyMap<string, StepMetadata>): number {
  let indent = 0;
  const states = step.new ?? step.old;
  for (let parent = states?.parent; parent;) {
    const above = seen.get(parent);
    if (!above) break;
    if (above.type === stackType || isShown(above)) indent++;
    parent = (above.new ?? above.old)?.parent;
  }
  return indent;
}

function renderStep(step: StepMetadata, indent: number, paint: Painter): string {
  const margin = "    ".repeat(indent);
  const retained = step.old?.retainOnDelete && ["delete", "replace"].includes(step.op) ? "[retain]" : "";
  const lock = step.new?.protect || (!step.new && step.old?.protect) ? " 🔒" : step.old?.protect ? " 🔓" : "";
  const lines = [paint(step.op, `${margin}${prefixOf(step.op)}${step.type}: (${step.op}${retained})${lock}\n`)];
  const inner = `${margin}    `;
  if (step.old?.id) lines.push(`${inner}[id=${step.old.id}]\n`);
  lines.push(`${inner}[urn=${step.urn}]\n`);
  const provider = (step.new ?? step.old)?.provider;
  if (provider && !/^default(_|$)/.test(parseUrn(providerUrn(provider)).name))
    lines.push(`${inner}[provider=${provider}]\n`);
  return lines.join("") + renderProperties(step, indent + 1, paint);
}

function renderProperties(step: StepMetadata, indent: number, paint: Painter): string {
  const { old, new: next } = step;
  if (step.type === stackType) return "";
  if (!old || !next) {
    // A creation shows what it asks for; what it gives back is known only afterwards.
    const properties = next ? (next.inputs ?? {}) : (old?.inputs ?? {});
    const writer = new ValueWriter(paint);
    writer.object(properties, { indent, op: step.op, prefix: false });
    return writer.text;
  }
  const hidden = new Set(next.hideDiff ?? []);
  const visible = (properties: PropertyMap): PropertyMap =>
    Object.fromEntries(Object.entries(properties).filter(([key]) => !hidden.has(key)));
  if (step.detailedDiff && Object.keys(step.detailedDiff).length > 0) {
    const writer = new DiffWriter(paint, false);
    writer.object(translateDetailedDiff(step.detailedDiff, old, next, step.refreshed), indent);
    return writer.text;
  }
  if (step.refreshed)
    return renderObjectDiff(visible(old.outputs ?? {}), visible(next.outputs ?? {}), { paint, indent, summary: true });
  const include = step.diffs?.length ? step.diffs.map((path) => String((parsePath(path) ?? [path])[0])) : undefined;
  return renderObjectDiff(visible(old.inputs ?? {}), visible(next.inputs ?? {}), {
    paint,
    indent,
    summary: false,
    include,
  });
}

/** The stack's outputs that a preview knows to change; empty when there are none. */
export function renderOutputChanges({ old, new: next }: StackOutputs, paint: Painter): string {
  if (!next) return "";
  if (!old) {
    const writer = new ValueWriter(paint);
    writer.object(next, { indent: 1, op: "same", prefix: false });
    return writer.text;
  }
  const known = Object.entries(next).map(
    ([key, value]) => [key, isUnknown(value) ? (old[key] ?? value) : value] as const,
  );
  return renderObjectDiff(old, Object.fromEntries(known), { paint, indent: 1, summary: true });
}
