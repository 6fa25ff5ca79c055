import { beginning, ending } from "../environment/block";
import type { ReleaseEnvironment } from "../environment/changes";
import { markOf } from "../environment/marks";
import { endingAfter, endingBefore, replaced, type Replacement } from "../environment/replacement";
import type { EnvironmentChange } from "../releases/release";
import { entryText, type NewEntry, renamedEntry, takenOver, type ValuesAround } from "./candidates";
import type { ComposeEdit } from "./edits";
import type { TextLine } from "./lines";
import { type Hidden, hiddenLines, linesIn, removedLine, type Stretch } from "./marks";
import type { Cut, Entry, Part } from "./parts";

type Change<Kind extends EnvironmentChange["kind"]> = Extract<EnvironmentChange, { kind: Kind }>;

export function ofKind<Kind extends EnvironmentChange["kind"]>(
  release: ReleaseEnvironment,
  kind: Kind,
): Change<Kind>[] {
  return release.changes.filter((change): change is Change<Kind> => change.kind === kind);
}

export function replacements(release: ReleaseEnvironment): Replacement[] {
  return [...ofKind(release, "url-path"), ...ofKind(release, "rename")];
}

/** Variables whose lines a release turns into comments. */
export function hiddenKeys(release: ReleaseEnvironment): Set<string> {
  const hides = [...ofKind(release, "deprecate"), ...ofKind(release, "remove"), ...replacements(release)];
  return new Set(hides.map(({ key }) => key));
}

/** One `environment` of a file, cut into lines. */
export interface PlacedCut {
  readonly place: string;
  readonly cut: Cut;
}

/** How its lines come out. */
export interface ChangedSection {
  readonly lines: readonly TextLine[];
  readonly edits: readonly ComposeEdit[];
}

/** An `environment` is left as it is, for a reason; says nothing of a value. */
export class SectionLeft extends Error {
  readonly key: string;

  constructor(key: string, reason: string) {
    super(reason);
    this.key = key;
    this.name = "SectionLeft";
  }
}

/** The edit that adds or removes the line of a variable. */
export function entryEdit(
  place: string,
  sign: ComposeEdit["sign"],
  entry: NewEntry,
  more: { readonly mark?: string; readonly ending?: string | null } = {},
): ComposeEdit {
  const { key, head, raw, close } = entry;
  return {
    place,
    sign,
    mark: more.mark ?? "",
    key,
    head: head.trimStart(),
    raw: raw ?? "",
    close,
    ending: more.ending ?? null,
  };
}

export function commentEdit(place: string, sign: ComposeEdit["sign"], text: string): ComposeEdit {
  return { place, sign, mark: "", key: null, head: "", raw: text, close: "", ending: null };
}

export interface ReleaseHere {
  readonly release: ReleaseEnvironment;
  readonly values: ValuesAround;
  /** Variables that are not to be added here: every service that reads this has them already. */
  readonly known: ReadonlySet<string>;
  /** Variables without a source that the release adds here, by reference to `.env`. */
  readonly references: readonly string[];
}

interface Work extends ReleaseHere {
  readonly section: PlacedCut;
  readonly parts: readonly Part[];
  readonly edits: ComposeEdit[];
}

/**
 * Makes a release's changes in one `environment` that has none of them yet.
 *
 * @returns null when nothing changes
 * @throws SectionLeft when they cannot be made so that nothing else changes
 */
export function changeSection(section: PlacedCut, here: ReleaseHere): ChangedSection | null {
  const { parts } = section.cut;
  refuseTwice(parts, here.release);
  const work: Work = { ...here, section, parts, edits: [] };
  const changed = parts.map((part) => (part.kind === "entry" ? changedEntry(part, work) : null));
  const done = parts.map((part, index) => changed[index] ?? linesIn(part));
  const added = additions(work);
  const stays = parts.some((part, index) => part.kind === "entry" && changed[index] === null);
  const [key = ""] = hiddenKeys(here.release);
  if (!stays && added.length === 0 && work.edits.length > 0 && !isReplacing(changed))
    throw new SectionLeft(key, "nothing else would be left in it");
  const lines = withAdditions(done, added, work);
  return work.edits.length === 0 ? null : { lines, edits: work.edits };
}

/** Whether a line that counts stands in the place of one that goes. */
function isReplacing(changed: readonly (readonly TextLine[] | null)[]): boolean {
  return changed.some((lines) => lines?.some(({ text }) => !text.trimStart().startsWith("#")));
}

function refuseTwice(parts: readonly Part[], release: ReleaseEnvironment): void {
  const keys = parts.flatMap((part) => (part.kind === "entry" ? part.key : []));
  const touched = new Set(
    release.changes.flatMap((change) => ("from" in change && change.from ? change.from : change.key)),
  );
  const twice = [...touched].find((key) => keys.indexOf(key) !== keys.lastIndexOf(key));
  if (twice) throw new SectionLeft(twice, "stands in it more than once");
}

const isSet = ({ parts }: Work, key: string) => parts.some((part) => part.kind === "entry" && part.key === key);

/** What stands for an entry after the release; null when it stays. */
function changedEntry(entry: Entry, work: Work): TextLine[] | null {
  const { release, section, edits } = work;
  const { place, cut } = section;
  const { version } = release;
  const isFor = ({ key }: { key: string }) => key === entry.key;
  const gone = ofKind(release, "remove").some(isFor);
  const deprecated = ofKind(release, "deprecate").some(isFor);
  const change = replacements(release).find(isFor);
  const next = change ? nextEntry(entry, change, work) : null;
  if (!gone && !deprecated && !next) return null;
  if (!entry.canGo) throw new SectionLeft(entry.key, "its line holds an anchor, or more than a value");
  edits.push(entryEdit(place, "-", entry, { ending: change ? endingBefore(change) : null }));
  if (gone) return [removedLine(entry, cut.indent, version)];
  const ending = change ? endingBefore(change) : null;
  edits.push(entryEdit(place, "+", entry, { mark: markOf(version), ending }));
  const hidden = hiddenLines(entry, cut.indent, version);
  if (!next || !change) return hidden;
  edits.push(entryEdit(place, "+", next, { ending: endingAfter(change) }));
  return [...hidden, { text: entryText(next), end: entry.lines.at(-1)?.end ?? "" }];
}

/** The line that takes the place of an entry; null when the change does not concern it. */
function nextEntry(entry: Entry, change: Replacement, work: Work): NewEntry | null {
  const { form } = work.section.cut;
  // A new name that somebody has set already counts, and nothing is taken from them.
  if (change.kind === "rename" && (isSet(work, change.to) || work.known.has(change.to))) return null;
  if (change.kind === "url-path" && entry.raw === null) return null;
  if (entry.fault !== null) throw new SectionLeft(entry.key, entry.fault);
  if (change.kind === "rename") {
    const renamed = renamedEntry(entry, change.to, form, work.values);
    if (!renamed) throw new SectionLeft(entry.key, "its value would be another one under the new name");
    return renamed;
  }
  const next = replaced(change, { ...entry, raw: entry.raw ?? "" });
  return next && { ...next, close: entry.close };
}

/** The lines that a release adds here: what takes over another variable's value first, then references to `.env`. */
function additions(work: Work): NewEntry[] {
  const { release, parts, section, values, known, references } = work;
  const missing = ofKind(release, "add").filter(({ key }) => !isSet(work, key));
  const took = missing.flatMap((change): NewEntry[] => {
    const source = change.from === undefined ? undefined : sourceOf(parts, change.from);
    if (!source) return [];
    if (source.fault !== null) throw new SectionLeft(source.key, source.fault);
    if (known.has(change.key)) return [];
    const line = takenOver(source, change, section.cut.form, values);
    if (!line) throw new SectionLeft(source.key, `its value cannot be taken over as ${change.key}`);
    return [line];
  });
  return [...took, ...references.filter((key) => !isSet(work, key)).map((key) => referring(section.cut, key))];
}

/** The entry that a variable's value comes from: the last that counts, else the one that this release has hidden. */
export function sourceOf(parts: readonly Stretch[], key: string): Entry | undefined {
  const hidden = parts.findLast((part): part is Hidden => part.kind === "hidden" && part.entry.key === key);
  return parts.findLast((part): part is Entry => part.kind === "entry" && part.key === key) ?? hidden?.entry;
}

/** A line that takes a variable from `.env`. */
export function referring({ form, indent, parts }: Cut, key: string): NewEntry {
  const [, dash = "- "] = parts.flatMap((part) => /^ *(- +)/.exec(part.kind === "entry" ? part.head : "") ?? []);
  const head = form === "map" ? `${indent}${key}: ` : `${indent}${dash}${key}=`;
  return { key, head, raw: `\${${key}}`, close: "", tail: "" };
}

/** Puts lines into a block of the release, which stands behind the last variable. */
function withAdditions(done: readonly (readonly TextLine[])[], added: readonly NewEntry[], work: Work): TextLine[] {
  const { section, release, parts, edits } = work;
  if (added.length === 0) return done.flat();
  const { indent } = section.cut;
  const [first, last] = [beginning(release.version), ending(release.version)];
  const adding = added.map((line) => entryEdit(section.place, "+", line));
  edits.push(commentEdit(section.place, "+", first), ...adding, commentEdit(section.place, "+", last));
  const block = [indent + first, ...added.map(entryText), indent + last].map((text) => ({ text, end: "" }));
  const behind = parts.findLastIndex(({ kind }) => kind === "entry") + 1;
  return [...done.slice(0, behind).flat(), ...block, ...done.slice(behind).flat()];
}
