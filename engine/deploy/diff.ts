import type { DiffRequest, DiffResult, PropertyDiff, ResourceProvider } from "../plugins/provider";
import { noDiff } from "../plugins/provider";
import { type ArrayDiff, diffObjects, type ObjectDiff, type ValueDiff } from "../property/diff";
import { withIgnored } from "../property/ignore-changes";
import { contains, formatPath, parsePath, type PathElement } from "../property/path";
import { equal, type PropertyMap, unwrapSecrets } from "../property/value";

/** Whether inputs differ: all there is to be said of a component. */
export function compareInputs(olds: PropertyMap, news: PropertyMap): DiffResult {
  if (equal(olds, news)) return noDiff;
  return { ...noDiff, changes: "some" };
}

/** What the provider says has changed; the engine looks itself when the provider does not know. */
export async function diffResource(provider: ResourceProvider, request: DiffRequest): Promise<DiffResult> {
  const diff = await provider.diff(request);
  if (diff.changes !== "unknown") return diff;
  const olds = unwrapSecrets(request.oldInputs) as PropertyMap;
  const news = withIgnored(request.news, request.oldInputs, request.ignoreChanges).inputs;
  const own = diffObjects(olds, unwrapSecrets(news) as PropertyMap, () => false);
  if (!own) return { ...diff, changes: "none" };
  return { ...diff, changes: "some", changedKeys: changedKeysOf(own), detailedDiff: detailedDiffOf(own) };
}

const changedKeysOf = ({ adds, deletes, updates }: ObjectDiff): string[] =>
  [...Object.keys(adds), ...Object.keys(deletes), ...Object.keys(updates)].sort();

type Detailed = Record<string, PropertyDiff>;

/** The paths that differ, as a provider would name them. */
export function detailedDiffOf(diff: ObjectDiff | ArrayDiff, prefix: readonly PathElement[] = []): Detailed {
  const found: Detailed = {};
  const entriesOf = <Value>(values: Map<number, Value> | Record<string, Value>): [PathElement, Value][] =>
    values instanceof Map ? [...values] : Object.entries(values);
  for (const [key, { object, array }] of entriesOf<ValueDiff>(diff.updates)) {
    const path = [...prefix, key];
    const inner = object ?? array;
    if (inner) Object.assign(found, detailedDiffOf(inner, path));
    else found[formatPath(path)] = { kind: "update", inputDiff: true };
  }
  for (const [key] of entriesOf(diff.adds)) found[formatPath([...prefix, key])] = { kind: "add", inputDiff: true };
  for (const [key] of entriesOf(diff.deletes))
    found[formatPath([...prefix, key])] = { kind: "delete", inputDiff: true };
  return found;
}

const initError = "#initerror";
const replacing = { add: "add-replace", delete: "delete-replace", update: "update-replace" } as const;

/** `replaceOnChanges`: a change at one of these paths becomes a replacement. */
export function applyReplaceOnChanges(diff: DiffResult, paths: readonly string[], hasInitErrors: boolean): DiffResult {
  if (paths.length === 0 || (diff.changes !== "some" && !hasInitErrors)) return diff;
  const watched = paths.map((path) => parsePath(path) ?? [path]);
  const hit = (path: string): boolean => watched.some((outer) => contains(outer, parsePath(path) ?? [path]));
  const replaceKeys = new Set([...diff.replaceKeys, ...diff.changedKeys.filter(hit)]);
  const changes = Object.entries(diff.detailedDiff ?? {}).map(([path, change]) => {
    const kind = change.kind in replacing ? (change.kind as keyof typeof replacing) : undefined;
    return [path, kind && hit(path) ? { ...change, kind: replacing[kind] } : change] as const;
  });
  const faulty = hasInitErrors && hit(initError);
  if (faulty) replaceKeys.add(initError);
  return {
    ...diff,
    changes: faulty ? "some" : diff.changes,
    replaceKeys: [...replaceKeys],
    ...(diff.detailedDiff ? { detailedDiff: Object.fromEntries(changes) } : {}),
  };
}

/** Whether a change means a new resource in place of the old one. */
export function isReplacement({ replaceKeys, detailedDiff = {} }: DiffResult): boolean {
  return replaceKeys.length > 0 || Object.values(detailedDiff).some(({ kind }) => kind.endsWith("-replace"));
}

const opposite = {
  add: "delete",
  "add-replace": "delete-replace",
  delete: "add",
  "delete-replace": "add-replace",
} as const;

/** The diff of the way back. */
export function inverted(diff: DiffResult): DiffResult {
  if (!diff.detailedDiff) return diff;
  const turned = Object.entries(diff.detailedDiff).map(([path, change]) => {
    const kind = change.kind in opposite ? opposite[change.kind as keyof typeof opposite] : change.kind;
    return [path, { ...change, kind }] as const;
  });
  return { ...diff, detailedDiff: Object.fromEntries(turned) };
}
