import { isMap, isScalar, isSeq, type Node, type YAMLMap, type YAMLSeq } from "yaml";

import type { ComposeFile } from "./compose-file";
import { placeOf } from "./edits";
import { entriesOf, keyOf, resolved, valueAt } from "./nodes";
import { type Cut, cut } from "./parts";

/** A mapping or list from which services take variables: their own `environment`, or one behind an anchor or `extends`. */
export interface Section {
  readonly node: YAMLMap | YAMLSeq;
  /** `services.orchestrator.environment`, `x-environment`. */
  readonly place: string;
  /** The services that take variables from it. */
  readonly services: readonly string[];
  /** Those whose own `environment` it is, by itself or by its anchor. */
  readonly owners: readonly string[];
  /** Null when it is not written as entries on lines of their own. */
  readonly cut: Cut | null;
}

/** Every `environment` of a file, each once, in the file's order. */
export function environmentSections(file: ComposeFile): Section[] {
  const found = new Map<YAMLMap | YAMLSeq, { services: Set<string>; owners: Set<string> }>();
  const note = (node: Node | null | undefined, service: string, isOwn: boolean): void => {
    if (!isMap(node) && !isSeq(node)) return;
    const known = found.get(node) ?? { services: new Set(), owners: new Set() };
    found.set(node, known);
    if (isOwn) known.owners.add(service);
    if (known.services.has(service)) return;
    known.services.add(service);
    if (isMap(node)) for (const merged of mergedMaps(file, node)) note(merged, service, false);
  };
  for (const service of file.serviceNames()) {
    const lineage = lineageOf(file, service);
    lineage.forEach((map, index) =>
      note(valueAt(file.document, map, "environment"), service, index === lineage.length - 1),
    );
  }
  const sections = [...found].map(([node, { services, owners }]): Section => {
    const place = placeOf(file.document, node);
    return { node, place, services: [...services], owners: [...owners], cut: cut(file.text, node) };
  });
  return withoutOverlaps(sections);
}

/** A service that extends one of another file still has an `environment` of its own. */
function lineageOf(file: ComposeFile, service: string): YAMLMap[] {
  try {
    return file.lineage(service);
  } catch {
    return [file.service(service)];
  }
}

function mergedMaps(file: ComposeFile, node: YAMLMap): YAMLMap[] {
  return node.items.flatMap((pair) => {
    const key = resolved(file.document, pair.key);
    if (!isScalar(key) || keyOf(key) !== "<<") return [];
    const source = resolved(file.document, pair.value);
    const maps = isSeq(source) ? source.items.map((item) => resolved(file.document, item)) : [source];
    return maps.filter((map) => isMap(map));
  });
}

/** Lines that belong to two of them, as where a mapping is merged right where it is written, are edited for neither. */
function withoutOverlaps(sections: readonly Section[]): Section[] {
  const ordered = sections.toSorted((one, other) => (one.node.range?.[0] ?? 0) - (other.node.range?.[0] ?? 0));
  const isInside = (inner: Section, outer: Section) =>
    inner !== outer &&
    (inner.node.range?.[0] ?? 0) >= (outer.node.range?.[0] ?? 0) &&
    (inner.node.range?.[1] ?? 0) <= (outer.node.range?.[1] ?? 0);
  return ordered.map((section) =>
    ordered.some((other) => isInside(section, other) || isInside(other, section)) ? { ...section, cut: null } : section,
  );
}

/** Whether a section's own entries hold a variable, however they are written. */
export function holds(file: ComposeFile, { node }: Section, key: string): boolean {
  if (isMap(node)) return entriesOf(file.document, node).some((entry) => entry.key === key && entry.owner === node);
  return node.items.some((item) => {
    const scalar = resolved(file.document, item);
    return isScalar(scalar) && (keyOf(scalar) === key || keyOf(scalar).startsWith(`${key}=`));
  });
}
