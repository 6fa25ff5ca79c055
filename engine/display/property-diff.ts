import { type ArrayDiff, diffKeys, diffObjects, type ObjectDiff, type ValueDiff } from "../property/diff";
import type { PropertyMap, PropertyValue } from "../property/value";
import type { Painter } from "./colours";
import { isScalar, isWorthShowing, type Position, scalarText, ValueWriter, widthOf } from "./values";

type Title = (position: Position) => void;

/** Writes what changed between two objects, in Pulumi's notation: `+` added, `-` removed, `~` changed. */
export class DiffWriter {
  readonly #values: ValueWriter;
  /** Whether unchanged properties are left out. */
  readonly #summary: boolean;

  constructor(paint: Painter, summary: boolean) {
    this.#values = new ValueWriter(paint);
    this.#summary = summary;
  }

  get text(): string {
    return this.#values.text;
  }

  object(diff: ObjectDiff, indent: number, include?: readonly string[]): void {
    const keys = diffKeys(diff).filter((key) => !include || include.includes(key));
    const width = widthOf(keys);
    for (const key of keys) {
      const title: Title = (position) => this.#values.title(key, width, position);
      if (key in diff.adds) this.#whole("create", title, diff.adds[key] as PropertyValue, indent);
      else if (key in diff.deletes) this.#whole("delete", title, diff.deletes[key] as PropertyValue, indent);
      else if (key in diff.updates) this.#changed(title, diff.updates[key] as ValueDiff, indent);
      else if (!this.#summary) this.#same(title, diff.sames[key] as PropertyValue, indent);
    }
  }

  #same(title: Title, value: PropertyValue, indent: number): void {
    if (!isWorthShowing(value)) return;
    const position: Position = { indent, op: "same", prefix: false };
    title(position);
    this.#values.value(value, position);
  }

  #whole(op: "create" | "delete", title: Title, value: PropertyValue, indent: number): void {
    const position: Position = { indent, op, prefix: true };
    title(position);
    this.#values.value(value, position);
  }

  #changed(title: Title, diff: ValueDiff, indent: number): void {
    const position: Position = { indent, op: "update", prefix: true };
    if (diff.array) {
      title(position);
      this.#values.put("update", "[\n");
      this.#array(diff.array, indent);
      this.#values.put("update", `${"    ".repeat(indent)}]\n`);
    } else if (diff.object) {
      title(position);
      this.#values.put("update", "{\n");
      this.object(diff.object, indent + 1);
      this.#values.put("update", `${"    ".repeat(indent)}}\n`);
    } else if (isScalar(diff.old) && isScalar(diff.new) && isWorthShowing(diff.old) && isWorthShowing(diff.new)) {
      title(position);
      this.#values.put("delete", scalarText(diff.old));
      this.#values.put("update", " => ");
      this.#values.put("create", `${scalarText(diff.new)}\n`);
    } else {
      if (isWorthShowing(diff.old)) this.#whole("delete", title, diff.old, indent);
      if (isWorthShowing(diff.new)) this.#whole("create", title, diff.new, indent);
    }
  }

  #array(diff: ArrayDiff, indent: number): void {
    for (let index = 0; index < diff.length; index++) {
      // The element's own members stand one level deeper than its index.
      const title: Title = (position) => this.#values.put(position.op, `${marginOf(position)}[${index}]: `);
      const added = diff.adds.get(index);
      const deleted = diff.deletes.get(index);
      const updated = diff.updates.get(index);
      const same = diff.sames.get(index);
      if (added !== undefined) this.#whole("create", title, added, indent + 2);
      else if (deleted !== undefined) this.#whole("delete", title, deleted, indent + 2);
      else if (updated !== undefined) this.#changed(title, updated, indent + 2);
      else if (same !== undefined && !this.#summary) {
        title({ indent: indent + 2, op: "same", prefix: false });
        this.#values.value(same, { indent: indent + 2, op: "same", prefix: false });
      }
    }
  }
}

function marginOf(position: Position): string {
  const spaces = "    ".repeat(position.indent - 1);
  if (!position.prefix) return spaces;
  const mark = { create: "+ ", delete: "- ", update: "~ " }[position.op as "create"];
  return spaces.slice(0, -2) + mark;
}

/** The change from one object to another; the new one in full when nothing changed. */
export function renderObjectDiff(
  olds: PropertyMap,
  news: PropertyMap,
  options: { paint: Painter; indent: number; summary: boolean; include?: readonly string[] | undefined },
): string {
  const diff = diffObjects(olds, news);
  if (!diff) {
    if (options.summary) return "";
    const writer = new ValueWriter(options.paint);
    writer.object(news, { indent: options.indent, op: "same", prefix: false });
    return writer.text;
  }
  const writer = new DiffWriter(options.paint, options.summary);
  writer.object(diff, options.indent, options.include);
  return writer.text;
}
