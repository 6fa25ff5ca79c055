import type { ReleaseEnvironment } from "../environment/changes";
import { type ComposeFile, ComposeFileError } from "./compose-file";
import type { ComposeEdit } from "./edits";
import { joined, linesOf, type TextLine } from "./lines";
import { plainValue } from "./nodes";
import { releaseServices } from "./release-services";
import { type ChangedSection, changeSection, ofKind, SectionLeft } from "./section-changes";
import { undoSection } from "./section-undo";
import { environmentSections, holds, type Section } from "./sections";
import { type Effective, effective, leftInServices, leftOutside, type SourcesAround } from "./shortfalls";

/** A compose file after a release's changes, and the lines that changed; no edits means the very same text. */
export interface EditedCompose {
  readonly file: ComposeFile;
  readonly edits: readonly ComposeEdit[];
  /** What is left to the operator, a line each: it could not be decided, or not be written so that all else stays. */
  readonly left: readonly string[];
}

/** A release's changes of `.env`, and its images, by which its services are told. */
export interface ComposeRelease extends ReleaseEnvironment {
  readonly images: Readonly<Record<string, string>>;
}

/**
 * Makes a release's changes of variables in every `environment` of a compose file: variables that it no longer reads
 * become comments, what takes their place gets their value or refers to `.env` as they did, lines that change stand below
 * a comment with the old ones. Made twice, it changes nothing more; `undoComposeRelease` gives the old bytes.
 *
 * @param around - `.env` and the files of `env_file`, before and after the same release's changes of `.env`
 */
export function applyComposeRelease(file: ComposeFile, release: ComposeRelease, around: SourcesAround): EditedCompose {
  // Always from the start: what is there already comes out as it is, and what is missing is found.
  const base = undoComposeRelease(file, release);
  const before = effective(base.file, around.before);
  const made = tried(base.file, release, { around, before });
  if (made === null) {
    const reason = "its environment entries could not be changed so that all else keeps its meaning; none was";
    return { file, edits: [], left: [`OctoLLM ${release.version}: ${reason}`] };
  }
  const outcome = { release, around, before, file: made.file };
  const left = [...made.left, ...leftInServices(outcome), ...leftOutside(outcome)];
  if (made.file.text === file.text) return { file, edits: [], left };
  return { file: made.file, edits: [...base.edits, ...made.edits], left };
}

/** The changes; null when they, or their way back, would harm anything else. */
function tried(file: ComposeFile, release: ComposeRelease, surroundings: Surroundings): EditedCompose | null {
  try {
    const made = changed(file, release, surroundings);
    return made.edits.length === 0 || isFaithful(file, made.file, release) ? made : null;
  } catch (error) {
    if (error instanceof ComposeFileError) return null;
    throw error;
  }
}

interface Surroundings {
  readonly around: SourcesAround;
  readonly before: Effective;
}

function changed(file: ComposeFile, release: ComposeRelease, { around, before }: Surroundings): EditedCompose {
  const left: string[] = [];
  const sections = environmentSections(file);
  const references = placeReferences(file, release, { around, before, sections });
  const values = { before: around.before.values, after: around.after.values };
  const result = withSections(file, sections, (section) => {
    const known = new Set(
      release.changes
        .map((change) => (change.kind === "rename" ? change.to : change.key))
        .filter((key) => section.services.every((service) => before.get(service)?.has(key))),
    );
    const here = { release, values, known, references: references.get(section) ?? [] };
    try {
      return section.cut ? changeSection({ place: section.place, cut: section.cut }, here) : null;
    } catch (error) {
      if (!(error instanceof SectionLeft)) throw error;
      left.push(`${section.place}: ${error.key}: ${error.message}`);
      return null;
    }
  });
  return { ...result, left };
}

/**
 * Takes a release's changes back, from what `applyComposeRelease` left in the file. What the operator wrote since stays.
 * On a file without such changes it does nothing.
 */
export function undoComposeRelease(file: ComposeFile, release: ReleaseEnvironment): EditedCompose {
  const result = withSections(file, environmentSections(file), ({ place, cut }) =>
    cut ? undoSection({ place, cut }, release) : null,
  );
  return { ...result, left: [] };
}

/** The file with other lines in the place of its sections. */
function withSections(
  file: ComposeFile,
  sections: readonly Section[],
  change: (section: Section) => ChangedSection | null,
): Omit<EditedCompose, "left"> {
  const original = linesOf(file.text);
  const edits: ComposeEdit[] = [];
  const lines: TextLine[] = [];
  let at = 0;
  for (const section of sections) {
    const result = change(section);
    if (!result || !section.cut) continue;
    edits.push(...result.edits);
    lines.push(...original.slice(at, section.cut.first), ...result.lines);
    at = section.cut.behind;
  }
  if (edits.length === 0) return { file, edits };
  lines.push(...original.slice(at));
  return { file: file.withText(joined(lines, original)), edits };
}

/**
 * Where variables that have no source are added: in the services that the release names, and in those that hold a
 * variable which the release takes away. One that gets them by `env_file` needs nothing, and one without `environment`
 * goes on with its defaults.
 */
function placeReferences(
  file: ComposeFile,
  release: ComposeRelease,
  { around, before, sections }: Surroundings & { sections: readonly Section[] },
): ReadonlyMap<Section, string[]> {
  const placed = new Map<Section, string[]>();
  const after = effective(file, around.after);
  const touching = sections.filter((section) => sourceKeys(release).some((key) => holds(file, section, key)));
  const services = releaseServices(file, release.images, around.before.values);
  for (const change of [...ofKind(release, "add"), ...ofKind(release, "require")]) {
    if (change.kind === "add" && change.from !== undefined) continue;
    const named = (change.services ?? []).flatMap((service) => services.get(service) ?? []);
    const targets = [...named, ...touching.flatMap((section) => section.services)];
    const needy = new Set(
      targets.filter((service) => !before.get(service)?.has(change.key) && !after.get(service)?.has(change.key)),
    );
    for (const service of needy) {
      const candidates = [...touching, ...sections].filter((section) => section.services.includes(service));
      const section =
        candidates.find(
          (candidate) => touching.includes(candidate) && candidate.services.every((user) => needy.has(user)),
        ) ?? candidates.find((candidate) => candidate.owners.includes(service));
      if (!section?.cut || !section.services.every((user) => needy.has(user))) continue;
      const keys = placed.get(section) ?? [];
      if (!keys.includes(change.key)) placed.set(section, [...keys, change.key]);
    }
  }
  return placed;
}

/** The variables by which a service shows that it reads what the release changes. */
function sourceKeys(release: ComposeRelease): string[] {
  const sources = ofKind(release, "add").flatMap(({ from }) => from ?? []);
  return [...sources, ...[...ofKind(release, "deprecate"), ...ofKind(release, "remove")].map(({ key }) => key)];
}

/** Whether everything but the release's own variables reads as before, and undoing gives the old text. */
function isFaithful(before: ComposeFile, after: ComposeFile, release: ComposeRelease): boolean {
  const touched = new Set(
    release.changes.flatMap((change) => (change.kind === "rename" ? [change.key, change.to] : [change.key])),
  );
  const content = (file: ComposeFile) =>
    JSON.stringify(
      withoutVariables(
        plainValue(file.document, file.document.contents, (text) => text),
        touched,
      ),
    );
  return (
    content(before) === content(after) &&
    undoComposeRelease(after, release).file.text === undoComposeRelease(before, release).file.text
  );
}

function withoutVariables(value: unknown, keys: ReadonlySet<string>): unknown {
  if (Array.isArray(value))
    return value
      .filter((item) => !(typeof item === "string" && keys.has(item.split("=", 1)[0] ?? "")))
      .map((item) => withoutVariables(item, keys));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => !keys.has(key));
  return Object.fromEntries(entries.map(([key, inner]) => [key, withoutVariables(inner, keys)]));
}
