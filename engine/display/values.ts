import type { StepOp } from "../deploy/events";
import { isInternalKey } from "../property/diff";
import { isPlainObject, isSecret, isUnknown, type PropertyMap, type PropertyValue } from "../property/value";
import { type Painter, prefixOf } from "./colours";

const maxLines = 3;
const maxLength = 150;

/** How deep a property stands, and whether its lines carry the mark of an operation. */
export interface Position {
  indent: number;
  op: StepOp;
  prefix: boolean;
}

/** Four spaces a level; the last two give way to the operation's mark. */
export function margin({ indent, op, prefix }: Position): string {
  const spaces = "    ".repeat(indent);
  return prefix ? spaces.slice(0, -2) + prefixOf(op) : spaces;
}

/** Long strings are cut, as the Pulumi CLI cuts them: arrays of lines are not. */
function shortened(text: string): string {
  const lines = text.split("\n");
  const kept = lines
    .slice(0, maxLines)
    .map((line) => (line.length > maxLength ? `${line.slice(0, maxLength)}...` : line));
  return lines.length > maxLines ? `${kept.join("\n")}\n...` : kept.join("\n");
}

/** A value on one line. */
export function scalarText(value: PropertyValue): string {
  if (isSecret(value)) return "[secret]";
  if (value === null) return "<null>";
  if (isUnknown(value)) return "[unknown]";
  return typeof value === "string" ? JSON.stringify(shortened(value)) : JSON.stringify(value);
}

export const isScalar = (value: PropertyValue): boolean => !Array.isArray(value) && !isPlainObject(value);

/** Empty values are not worth a line when nothing about them changed. */
export function isWorthShowing(value: PropertyValue): boolean {
  if (value === null || value === "") return false;
  return isScalar(value) || Object.keys(value).length > 0;
}

/** Property names padded to the same width. */
export function widthOf(keys: readonly string[]): number {
  return Math.max(0, ...keys.map((key) => key.length));
}

/** Writes whole values: each array element and each property on its own line. */
export class ValueWriter {
  readonly paint: Painter;
  readonly #parts: string[] = [];

  constructor(paint: Painter) {
    this.paint = paint;
  }

  get text(): string {
    return this.#parts.join("");
  }

  put(op: StepOp, text: string): void {
    const line = text.endsWith("\n") ? text.slice(0, -1) : text;
    this.#parts.push(line === "" ? "" : this.paint(op, line), text.slice(line.length));
  }

  title(name: string, width: number, position: Position): void {
    this.put(position.op, `${margin(position)}${name.padEnd(width)}: `);
  }

  object(properties: PropertyMap, position: Position): void {
    const keys = Object.keys(properties)
      .filter((key) => !isInternalKey(key))
      .sort();
    const width = widthOf(keys);
    for (const key of keys) {
      this.title(key, width, position);
      this.value(properties[key] as PropertyValue, position);
    }
  }

  /** A value and the end of its line. */
  value(value: PropertyValue, position: Position): void {
    const { op, indent } = position;
    const close = "    ".repeat(indent);
    const deeper = { ...position, indent: indent + 1 };
    if (Array.isArray(value) && value.length > 0) {
      this.put(op, "[\n");
      value.forEach((item, index) => {
        this.put(op, `${margin(position)}    [${index}]: `);
        this.value(item, deeper);
      });
      this.put(op, `${close}]\n`);
    } else if (isPlainObject(value) && Object.keys(value).length > 0) {
      this.put(op, "{\n");
      this.object(value, deeper);
      this.put(op, `${close}}\n`);
    } else this.put(op, `${scalarText(value)}\n`);
  }
}
