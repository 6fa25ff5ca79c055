import { type ChangeSummary, stepOps } from "../deploy/events";
import type { PropertyMap } from "../property/value";
import { type Painter, pastTense, prefixOf } from "./colours";
import { ValueWriter } from "./values";

const notCounted = new Set(["same", "read", "discard"]);

/** Whether anything but `same` happened. */
export function hasChanges(changes: ChangeSummary): boolean {
  return Object.entries(changes).some(([op, count]) => !notCounted.has(op) && count > 0);
}

/** `Resources:` and what happened to how many. */
export function renderSummary(changes: ChangeSummary, errored: number, preview: boolean, paint: Painter): string {
  const lines = [paint("headline", "Resources:")];
  let kinds = 0;
  let total = 0;
  for (const op of stepOps) {
    const count = changes[op] ?? 0;
    if (notCounted.has(op) || count === 0) continue;
    kinds++;
    total += count;
    lines.push(paint(op, `    ${prefixOf(op)}${count} ${preview ? `to ${op}` : pastTense(op)}`));
  }
  const pieces = [...(kinds > 1 ? [`${total} changes`] : []), ...(changes.same ? [`${changes.same} unchanged`] : [])];
  if (pieces.length > 0) lines.push(`    ${pieces.join(". ")}`);
  if (errored > 0) lines.push(paint("error", `    ${errored} errored`));
  return `${lines.join("\n")}\n`;
}

/** `Outputs:` of the stack; empty when there are none. */
export function renderOutputs(outputs: PropertyMap, paint: Painter): string {
  if (Object.keys(outputs).length === 0) return "";
  const writer = new ValueWriter(paint);
  writer.object(outputs, { indent: 1, op: "same", prefix: false });
  return `${paint("headline", "Outputs:")}\n${writer.text}`;
}

/** Whole seconds, as Pulumi rounds them: up. */
export function renderDuration(seconds: number, paint: Painter): string {
  const whole = Math.ceil(seconds);
  const text = whole < 60 ? `${whole}s` : `${Math.floor(whole / 60)}m${whole % 60}s`;
  return `${paint("headline", "Duration:")} ${text}\n`;
}
