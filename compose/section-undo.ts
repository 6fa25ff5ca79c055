import { beginning, ending } from "../environment/block";
import type { ReleaseEnvironment } from "../environment/changes";
import { markOf } from "../environment/marks";
import {
  endingAfter,
  endingBefore,
  keyAfter,
  replaced,
  type Replacement,
  unreplaced,
} from "../environment/replacement";
import { entryText, type NewEntry, renamedReferences, renamings, takeovers } from "./candidates";
import type { ComposeEdit } from "./edits";
import type { TextLine } from "./lines";
import { type Hidden, hiddenLines, linesIn, type Stretch, stretches } from "./marks";
import type { Entry } from "./parts";
import {
  type ChangedSection,
  commentEdit,
  entryEdit,
  hiddenKeys,
  ofKind,
  type PlacedCut,
  referring,
  replacements,
  sourceOf,
} from "./section-changes";

interface Work {
  readonly section: PlacedCut;
  readonly release: ReleaseEnvironment;
  readonly parts: readonly Stretch[];
  readonly edits: ComposeEdit[];
  /** What stands for parts that are not as they were; none is kept. */
  readonly turned: Map<Stretch, readonly TextLine[]>;
}

/**
 * Takes a release's changes in one `environment` back, from what they left in it. What the operator wrote since stays.
 *
 * @returns null when there is nothing to take back
 */
export function undoSection(section: PlacedCut, release: ReleaseEnvironment): ChangedSection | null {
  const parts = stretches(section.cut, release.version, hiddenKeys(release));
  const work: Work = { section, release, parts, edits: [], turned: new Map() };
  parts.forEach((part, index) => {
    if (part.kind === "hidden") restore(part, index, work);
  });
  withoutBlock(work);
  if (work.edits.length === 0) return null;
  return { lines: parts.flatMap((part) => work.turned.get(part) ?? linesIn(part)), edits: work.edits };
}

/** A comment of ours becomes a line again; the line that took its place goes, unless somebody edited it. */
function restore(hidden: Hidden, index: number, work: Work): void {
  const { section, release, edits, turned } = work;
  const { place } = section;
  const { entry } = hidden;
  turned.set(hidden, entry.lines);
  if (hidden.removed) {
    edits.push(entryEdit(place, "+", entry));
    return;
  }
  const mark = markOf(release.version);
  const change = replacements(release).find(({ key }) => key === entry.key);
  const ending = change ? endingBefore(change) : null;
  const restoring = [entryEdit(place, "-", entry, { mark, ending }), entryEdit(place, "+", entry, { ending })];
  const successor = change && nextOf(change, work.parts.slice(index + 1));
  if (!change || !successor) {
    edits.push(...restoring);
    return;
  }
  const removal = entryEdit(place, "-", successor, { ending: endingAfter(change) });
  if (madeOf(change, entry).includes(entryText(successor))) {
    edits.push(...restoring, removal);
    turned.set(successor, []);
    return;
  }
  // Edited since: the operator's value counts, and the older one stays as an ordinary comment.
  const plain = hiddenLines(entry, section.cut.indent, release.version);
  turned.set(
    hidden,
    plain.map(({ text, end }) => ({ text: text.replace(mark, "# "), end })),
  );
  edits.push(entryEdit(place, "-", entry, { mark, ending }), entryEdit(place, "+", entry, { mark: "# ", ending }));
  const earlier = turnedBack(change, successor);
  if (!earlier) return;
  edits.push(removal, entryEdit(place, "+", earlier, { ending }));
  turned.set(successor, [{ text: entryText(earlier), end: successor.lines.at(-1)?.end ?? "" }]);
}

/** The line that the change left, unless another of our comments for it comes first. */
function nextOf(change: Replacement, parts: readonly Stretch[]): Entry | undefined {
  for (const part of parts) {
    if (part.kind === "hidden" && part.entry.key === change.key) return undefined;
    if (part.kind === "entry" && part.key === keyAfter(change)) return part;
  }
  return undefined;
}

/** The lines that the change may have made of an entry. */
function madeOf(change: Replacement, entry: Entry): string[] {
  if (change.kind === "rename") return renamings(entry, change.to).map(entryText);
  const next = replaced(change, { ...entry, raw: entry.raw ?? "" });
  return next ? [entryText({ ...next, close: entry.close })] : [];
}

function turnedBack(change: Replacement, entry: Entry): NewEntry | null {
  const earlier = unreplaced(change, { ...entry, raw: entry.raw ?? "" });
  if (!earlier) return null;
  const raw = change.kind === "rename" ? renamedReferences(earlier.raw, change.to, change.key) : null;
  return { ...earlier, raw: entry.raw === null ? null : (raw ?? earlier.raw), close: entry.close };
}

/** Takes the release's block out. What is in it but is not as it was added is the operator's, and stays. */
function withoutBlock({ section, release, parts, edits, turned }: Work): void {
  const { place, cut } = section;
  const isComment = (part: Stretch, text: string) => part.kind === "line" && part.line.text === cut.indent + text;
  let inside = false;
  for (const part of parts) {
    const isBeginning = isComment(part, beginning(release.version));
    const isEnding = isComment(part, ending(release.version));
    if (isBeginning || (inside && isEnding)) {
      turned.set(part, []);
      edits.push(commentEdit(place, "-", isBeginning ? beginning(release.version) : ending(release.version)));
      inside = isBeginning;
    } else if (inside && part.kind === "entry" && isAdded(part, { section, release, parts })) {
      turned.set(part, []);
      edits.push(entryEdit(place, "-", part));
    }
  }
}

/** Whether a line is one that the release adds, whatever `.env` was like then. */
function isAdded(entry: Entry, { section, release, parts }: Pick<Work, "section" | "release" | "parts">): boolean {
  const change = ofKind(release, "add").find(({ key }) => key === entry.key);
  const source = change?.from === undefined ? undefined : sourceOf(parts, change.from);
  const possible = [
    ...(change && source ? takeovers(source, change, section.cut.form) : []),
    referring(section.cut, entry.key),
  ];
  const isOfRelease = change !== undefined || ofKind(release, "require").some(({ key }) => key === entry.key);
  return isOfRelease && entry.tail === "" && possible.some(({ raw }) => raw === entry.raw);
}
