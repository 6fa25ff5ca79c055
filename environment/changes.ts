import type { EnvironmentChange } from "../releases/release";
import { type Addition, withBlock, withoutBlock } from "./block";
import type { DotenvFile } from "./dotenv-file";
import { type Assignment, type DotenvLine, tokenize } from "./dotenv-line";
import { assignmentEdit, type EnvironmentEdit, type PlainLine } from "./edits";
import { commentedOut, type MarkedAssignment, markOf, removedFrom, removedLine, stretches } from "./marks";
import { endingAfter, endingBefore, keyAfter, replaced, type Replacement, unreplaced } from "./replacement";

/** What one release changes in an `.env` file. */
export interface ReleaseEnvironment {
  readonly version: string;
  readonly changes: readonly EnvironmentChange[];
}

/** A file after its changes, and the lines that changed; no edits means the very same bytes. */
export interface EditedFile {
  readonly file: DotenvFile;
  readonly edits: readonly EnvironmentEdit[];
}

type Change<Kind extends EnvironmentChange["kind"]> = Extract<EnvironmentChange, { kind: Kind }>;

/** A release's changes cannot be made to this file so that all else keeps its meaning and the way back is exact. */
export class EnvironmentEditError extends Error {
  constructor(version: string, file: DotenvFile) {
    const broken = file.lines.findIndex((line) => line.assignment?.unclosed);
    const key = file.lines[broken]?.assignment?.key;
    const before = file.lines.slice(0, broken).map((line) => line.text + line.end);
    const number = before.join("").split(/\r\n|\n|\r/).length;
    super(
      `The changes of OctoLLM ${version} to the .env file would alter other variables in it, or could not be undone ` +
        `exactly. The file was not written. ` +
        (key
          ? `The quote that line ${number} ('${key}') opens is never closed: close it, `
          : "Look for open quotes, ") +
        "then run the preview again.",
    );
    this.name = "EnvironmentEditError";
  }
}

function ofKind<Kind extends EnvironmentChange["kind"]>(release: ReleaseEnvironment, kind: Kind): Change<Kind>[] {
  return release.changes.filter((change): change is Change<Kind> => change.kind === kind);
}

/** Variables whose lines this release turns into comments. */
function hiddenKeys(release: ReleaseEnvironment): Set<string> {
  return new Set([...ofKind(release, "deprecate"), ...replacements(release)].map(({ key }) => key));
}

function replacements(release: ReleaseEnvironment): Replacement[] {
  return [...ofKind(release, "url-path"), ...ofKind(release, "rename")];
}

/** No line but the last may lack an end, and the last lacks one only if the file's last line did. */
function joined(file: DotenvFile, lines: readonly PlainLine[]): DotenvFile {
  const finalEnd = file.lines.at(-1)?.end;
  return file.withLines(
    lines.map(({ text, end }, index) => {
      if (index === lines.length - 1 && finalEnd === "") return { text, end: "" };
      return { text, end: end === "" ? file.lineEnd : end };
    }),
  );
}

/**
 * Makes a release's changes: variables that it no longer reads become comments, URLs get their new ending below a
 * comment with the old line, new variables stand in one block at the end. The comments and the block are all that
 * `undoRelease` needs. Made twice, it changes nothing more.
 *
 * @throws EnvironmentEditError when an open quote in the file would make another variable change its meaning
 */
export function applyRelease(file: DotenvFile, release: ReleaseEnvironment): EditedFile {
  const edits: EnvironmentEdit[] = [];
  const lines = file.lines.flatMap((line) => changedLine(file, line, release, edits) ?? [line]);
  const missing = additionsFor(file, release).filter(({ key }) => file.rawBytes(key) === undefined);
  const block = withBlock(lines, release.version, missing, { lineEnd: file.lineEnd, exported: exportsAll(file) });
  edits.push(...block.edits);
  if (edits.length === 0) return { file, edits };
  const changed = joined(file, block.lines);
  if (!isFaithful(file, changed, release, missing)) throw new EnvironmentEditError(release.version, file);
  return { file: changed, edits };
}

/** What stands for a line after the release; null when it stays, otherwise the edits are noted. */
function changedLine(
  file: DotenvFile,
  line: DotenvLine,
  release: ReleaseEnvironment,
  edits: EnvironmentEdit[],
): PlainLine[] | null {
  const { assignment } = line;
  if (!assignment) return null;
  const { version } = release;
  const isFor = ({ key }: { key: string }) => key === assignment.key;
  if (ofKind(release, "remove").some(isFor)) {
    edits.push(assignmentEdit("-", assignment));
    return [removedLine(line, version)];
  }
  if (ofKind(release, "deprecate").some(isFor)) {
    edits.push(assignmentEdit("-", assignment), assignmentEdit("+", assignment, { mark: markOf(version) }));
    return commentedOut(line, version);
  }
  const change = replacements(release).find(isFor);
  // A new name that somebody has set already counts, and nothing is taken from them.
  if (!change || (change.kind === "rename" && file.rawBytes(change.to) !== undefined)) return null;
  const next = replaced(change, assignment);
  if (!next) return null;
  edits.push(
    assignmentEdit("-", assignment, { ending: endingBefore(change) }),
    assignmentEdit("+", assignment, { mark: markOf(version), ending: endingBefore(change) }),
    assignmentEdit("+", next, { ending: endingAfter(change) }),
  );
  return [...commentedOut(line, version), { text: next.head + next.raw + next.tail, end: line.end }];
}

/**
 * The variables that a release adds, with their values: those of the variables they come from as these stood before
 * the release. An empty value counts as not set: the old release ran on its default then.
 */
function additionsFor(file: DotenvFile, release: ReleaseEnvironment): Addition[] {
  const source = withRestored(file, release).file;
  return ofKind(release, "add").map(({ key, from, default: fallback }) => {
    const isSet = from !== undefined && Boolean(source.get(from));
    return { key, raw: isSet ? (source.rawBytes(from) ?? fallback) : Buffer.from(fallback).toString("latin1") };
  });
}

function exportsAll(file: DotenvFile): boolean {
  const heads = file.lines.flatMap((line) => line.assignment?.head ?? []);
  return heads.length > 0 && heads.every((head) => /^[ \t]*export[ \t]/.test(head));
}

/** Whether all other variables read as before, the new ones read as meant, and undoing gives the old bytes. */
function isFaithful(before: DotenvFile, after: DotenvFile, release: ReleaseEnvironment, added: Addition[]): boolean {
  const renamed = ofKind(release, "rename");
  const touched = new Set([...release.changes, ...renamed.map(({ to }) => ({ key: to }))].map(({ key }) => key));
  const others = before.keys().filter((key) => !touched.has(key));
  return (
    added.every(({ key, raw }) => after.rawBytes(key) === raw) &&
    others.every((key) => after.rawBytes(key) === before.rawBytes(key)) &&
    renamed.every(({ key, to }) => after.rawBytes(to) === (before.rawBytes(to) ?? before.rawBytes(key))) &&
    undoRelease(after, release).file.toBuffer().equals(undoRelease(before, release).file.toBuffer())
  );
}

/**
 * Takes a release's changes back, from what `applyRelease` left in the file. What the operator wrote since stays:
 * lines after or in the block, other values of added variables, and an edited URL (with its ending turned back). On a
 * file without such changes it does nothing.
 */
export function undoRelease(file: DotenvFile, release: ReleaseEnvironment): EditedFile {
  const restored = withRestored(file, release);
  const block = withoutBlock(restored.file, release.version, additionsFor(file, release));
  const edits = [...restored.edits, ...block.edits];
  return edits.length === 0 ? { file, edits } : { file: joined(restored.file, block.lines), edits };
}

/** Our comments become lines again; a URL's new line goes, unless somebody edited it. */
function withRestored(file: DotenvFile, release: ReleaseEnvironment): EditedFile {
  const parts = stretches(file.lines, release.version, hiddenKeys(release));
  const edits: EnvironmentEdit[] = [];
  const lines: PlainLine[] = [];
  const turned = new Map<DotenvLine, PlainLine[]>();
  const removedKeys = new Set(ofKind(release, "remove").map(({ key }) => key));
  parts.forEach((part, index) => {
    if (part.kind === "line") {
      const removed = removedFrom(part.line, release.version, removedKeys);
      if (removed) edits.push(assignmentEdit("+", removed.assignment));
      lines.push(...(removed ? [removed.line] : (turned.get(part.line) ?? [part.line])));
      return;
    }
    const change = replacements(release).find(({ key }) => key === part.marked.assignment.key);
    const successor = change && nextOf(change, parts.slice(index + 1));
    if (!change || !successor) {
      edits.push(...restoring(part.marked, release.version, null));
      lines.push(part.marked.line);
      return;
    }
    const outcome = turnedBack(part.marked, successor, change, release.version);
    edits.push(...outcome.edits);
    lines.push(...outcome.here);
    turned.set(successor.line, outcome.there);
  });
  return edits.length === 0 ? { file, edits } : { file: joined(file, lines), edits };
}

interface SetLine {
  readonly line: DotenvLine;
  readonly assignment: Assignment;
}

/** The line that the change left, unless another of our comments for it comes first. */
function nextOf(change: Replacement, parts: ReturnType<typeof stretches>): SetLine | undefined {
  for (const part of parts) {
    if (part.kind === "marked" && part.marked.assignment.key === change.key) return undefined;
    const assignment = part.kind === "line" ? part.line.assignment : null;
    if (part.kind === "line" && assignment?.key === keyAfter(change)) return { line: part.line, assignment };
  }
  return undefined;
}

function restoring({ assignment }: MarkedAssignment, version: string, ending: string | null): EnvironmentEdit[] {
  return [
    assignmentEdit("-", assignment, { mark: markOf(version), ending }),
    assignmentEdit("+", assignment, { ending }),
  ];
}

/** Undoes one replacement: what stands where our comment was (`here`), and where its new line was (`there`). */
function turnedBack(
  old: MarkedAssignment,
  current: SetLine,
  change: Replacement,
  version: string,
): { here: PlainLine[]; there: PlainLine[]; edits: EnvironmentEdit[] } {
  const [before, after] = [endingBefore(change), endingAfter(change)];
  const removal = assignmentEdit("-", current.assignment, { ending: after });
  const made = replaced(change, old.assignment);
  if (made && made.raw === current.assignment.raw && made.tail === current.assignment.tail)
    return { here: [old.line], there: [], edits: [...restoring(old, version, before), removal] };

  // Edited since: the operator's value counts, and the older one stays as an ordinary comment.
  const plain = tokenize(
    commentedOut(old.line, version)
      .map(({ text, end }) => text.replace(markOf(version), "# ") + end)
      .join(""),
  );
  const edits = [
    assignmentEdit("-", old.assignment, { mark: markOf(version), ending: before }),
    assignmentEdit("+", old.assignment, { mark: "# ", ending: before }),
  ];
  const earlier = unreplaced(change, current.assignment);
  if (!earlier) return { here: plain, there: [current.line], edits };
  const line = { text: earlier.head + earlier.raw + earlier.tail, end: current.line.end };
  edits.push(removal, assignmentEdit("+", earlier, { ending: before }));
  return { here: plain, there: [line], edits };
}

/**
 * Makes or takes back the changes of several releases.
 *
 * @param releases - oldest first, in both directions
 * @throws EnvironmentEditError as `applyRelease` does
 */
export function applyReleases(
  file: DotenvFile,
  releases: readonly ReleaseEnvironment[],
  direction: "up" | "down",
): EditedFile {
  const [order, step] = direction === "up" ? [releases, applyRelease] : [releases.toReversed(), undoRelease];
  return order.reduce<EditedFile>(
    (done, release) => {
      const next = step(done.file, release);
      return { file: next.file, edits: [...done.edits, ...next.edits] };
    },
    { file, edits: [] },
  );
}
