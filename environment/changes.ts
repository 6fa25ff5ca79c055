import type { EnvironmentChange } from "../releases/release";
import { type Addition, withBlock, withoutBlock } from "./block";
import type { DotenvFile } from "./dotenv-file";
import { type Assignment, type DotenvLine, tokenize } from "./dotenv-line";
import { assignmentEdit, type EnvironmentEdit, type PlainLine } from "./edits";
import { commentedOut, type MarkedAssignment, markOf, stretches } from "./marks";
import { pathEndsIn, withPathEnding } from "./url-path";

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
  return new Set([...ofKind(release, "deprecate"), ...ofKind(release, "url-path")].map(({ key }) => key));
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
  const lines = file.lines.flatMap((line) => changedLine(line, release, edits) ?? [line]);
  const missing = additionsFor(file, release).filter(({ key }) => file.rawBytes(key) === undefined);
  const block = withBlock(lines, release.version, missing, { lineEnd: file.lineEnd, exported: exportsAll(file) });
  edits.push(...block.edits);
  if (edits.length === 0) return { file, edits };
  const changed = joined(file, block.lines);
  if (!isFaithful(file, changed, release, missing)) throw new EnvironmentEditError(release.version, file);
  return { file: changed, edits };
}

/** What stands for a line after the release; null when it stays, otherwise the edits are noted. */
function changedLine(line: DotenvLine, release: ReleaseEnvironment, edits: EnvironmentEdit[]): PlainLine[] | null {
  const { assignment } = line;
  if (!assignment) return null;
  const { version } = release;
  if (ofKind(release, "deprecate").some(({ key }) => key === assignment.key)) {
    edits.push(assignmentEdit("-", assignment), assignmentEdit("+", assignment, { mark: markOf(version) }));
    return commentedOut(line, version);
  }
  const change = ofKind(release, "url-path").find(({ key }) => key === assignment.key);
  if (!change || pathEndsIn(assignment.raw, change.replacement)) return null;
  const raw = withPathEnding(assignment.raw, change.suffix, change.replacement);
  if (raw === null) return null;
  edits.push(
    assignmentEdit("-", assignment, { ending: change.suffix }),
    assignmentEdit("+", assignment, { mark: markOf(version), ending: change.suffix }),
    assignmentEdit("+", { ...assignment, raw }, { ending: change.replacement }),
  );
  return [...commentedOut(line, version), { text: assignment.head + raw + assignment.tail, end: line.end }];
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
  const touched = new Set(release.changes.map(({ key }) => key));
  const others = before.keys().filter((key) => !touched.has(key));
  return (
    added.every(({ key, raw }) => after.rawBytes(key) === raw) &&
    others.every((key) => after.rawBytes(key) === before.rawBytes(key)) &&
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
  const replaced = new Map<DotenvLine, PlainLine[]>();
  parts.forEach((part, index) => {
    if (part.kind === "line") {
      lines.push(...(replaced.get(part.line) ?? [part.line]));
      return;
    }
    const change = ofKind(release, "url-path").find(({ key }) => key === part.marked.assignment.key);
    const successor = change && nextOf(change.key, parts.slice(index + 1));
    if (!change || !successor) {
      edits.push(...restoring(part.marked, release.version, null));
      lines.push(part.marked.line);
      return;
    }
    const outcome = urlTurnedBack(part.marked, successor, change, release.version);
    edits.push(...outcome.edits);
    lines.push(...outcome.here);
    replaced.set(successor.line, outcome.there);
  });
  return edits.length === 0 ? { file, edits } : { file: joined(file, lines), edits };
}

interface SetLine {
  readonly line: DotenvLine;
  readonly assignment: Assignment;
}

/** The line that sets the key next, unless another of our comments for it comes first. */
function nextOf(key: string, parts: ReturnType<typeof stretches>): SetLine | undefined {
  for (const part of parts) {
    const assignment = part.kind === "line" ? part.line.assignment : part.marked.assignment;
    if (assignment?.key === key) return part.kind === "line" ? { line: part.line, assignment } : undefined;
  }
  return undefined;
}

function restoring({ assignment }: MarkedAssignment, version: string, ending: string | null): EnvironmentEdit[] {
  return [
    assignmentEdit("-", assignment, { mark: markOf(version), ending }),
    assignmentEdit("+", assignment, { ending }),
  ];
}

/** Undoes one URL: what stands where our comment was (`here`), and where its new line was (`there`). */
function urlTurnedBack(
  old: MarkedAssignment,
  current: SetLine,
  { suffix, replacement }: Change<"url-path">,
  version: string,
): { here: PlainLine[]; there: PlainLine[]; edits: EnvironmentEdit[] } {
  const { head, tail, raw } = current.assignment;
  const removal = assignmentEdit("-", current.assignment, { ending: replacement });
  if (raw === withPathEnding(old.assignment.raw, suffix, replacement) && tail === old.assignment.tail)
    return { here: [old.line], there: [], edits: [...restoring(old, version, suffix), removal] };

  // Edited since: the operator's URL counts, and the older one stays as an ordinary comment.
  const plain = tokenize(
    commentedOut(old.line, version)
      .map(({ text, end }) => text.replace(markOf(version), "# ") + end)
      .join(""),
  );
  const edits = [
    assignmentEdit("-", old.assignment, { mark: markOf(version), ending: suffix }),
    assignmentEdit("+", old.assignment, { mark: "# ", ending: suffix }),
  ];
  const turned = withPathEnding(raw, replacement, suffix);
  if (turned === null) return { here: plain, there: [current.line], edits };
  const line = { text: head + turned + tail, end: current.line.end };
  edits.push(removal, assignmentEdit("+", { ...current.assignment, raw: turned }, { ending: suffix }));
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
