import type { DiffRequest, DiffResult, PropertyDiff, ResourceProvider } from "../plugins/provider";
import { noDiff } from "../plugins/provider";
import { diffObjects } from "../property/diff";
import { contains, parsePath } from "../property/path";
import { equal, type PropertyMap } from "../property/value";

/** Changed keys, of a provider's own making or from comparing inputs. */
export function compareInputs(olds: PropertyMap, news: PropertyMap): DiffResult {
  if (equal(olds, news)) return noDiff;
  const diff = diffObjects(olds, news, () => false);
  const changedKeys = diff
    ? [...Object.keys(diff.adds), ...Object.keys(diff.deletes), ...Object.keys(diff.updates)].sort()
    : [];
  return { ...noDiff, changes: "some", changedKeys };
}

/** What the provider says has changed; the engine looks itself when the provider does not know. */
export async function diffResource(provider: ResourceProvider, request: DiffRequest): Promise<DiffResult> {
  const diff = await provider.diff(request);
  return diff.changes === "unknown" ? { ...compareInputs(request.oldInputs, request.news), ...keysOf(diff) } : diff;
}

function keysOf(diff: DiffResult): Partial<DiffResult> {
  return diff.replaceKeys.length > 0
    ? { replaceKeys: diff.replaceKeys, deleteBeforeReplace: diff.deleteBeforeReplace }
    : {};
}

const replacing = { add: "add-replace", delete: "delete-replace", update: "update-replace" } as const;

/** `replaceOnChanges`: a change at one of these paths becomes a replacement. */
export function applyReplaceOnChanges(diff: DiffResult, paths: readonly string[], hasInitErrors: boolean): DiffResult {
  if (paths.length === 0) return diff;
  const watched = paths.flatMap((path) => (path === "#initerror" ? [] : [parsePath(path) ?? [path]]));
  const hit = (path: string): boolean => {
    const parsed = parsePath(path) ?? [path];
    return watched.some((outer) => contains(outer, parsed) || contains(parsed, outer));
  };
  const replaceKeys = new Set(diff.replaceKeys);
  const detailedDiff: Record<string, PropertyDiff> = {};
  for (const [path, change] of Object.entries(diff.detailedDiff ?? {})) {
    const kind = change.kind in replacing ? (change.kind as keyof typeof replacing) : undefined;
    detailedDiff[path] = kind && hit(path) ? { ...change, kind: replacing[kind] } : change;
    if (hit(path)) replaceKeys.add(String((parsePath(path) ?? [path])[0]));
  }
  for (const key of diff.detailedDiff ? [] : diff.changedKeys) if (hit(key)) replaceKeys.add(key);
  if (hasInitErrors && paths.some((path) => path === "*" || path === "#initerror")) replaceKeys.add("#initerror");
  const changes = replaceKeys.size > 0 ? "some" : diff.changes;
  return { ...diff, changes, replaceKeys: [...replaceKeys], ...(diff.detailedDiff ? { detailedDiff } : {}) };
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
