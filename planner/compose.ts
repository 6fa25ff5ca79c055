import { applyComposeRelease, type ComposeRelease, undoComposeRelease } from "../compose/changes";
import type { ComposeFile } from "../compose/compose-file";
import { describeComposeEdits } from "../compose/describe";
import type { ComposeEdit } from "../compose/edits";
import { setImages } from "../compose/set-images";
import { type ReleaseImage, wantedImages } from "../compose/wanted-images";
import { applyRelease, undoRelease } from "../environment/changes";
import { diffLine } from "../environment/describe";
import { type DotenvFile, expandedValues } from "../environment/dotenv-file";
import type { Catalogue, Release } from "../releases/release";
import { compareVersions } from "../releases/version";
import { releasesBetween } from "./chain";
import { sourcesOf } from "./container-environment";
import type { ComposePlan } from "./plan";
import type { ComposeWorld } from "./world";

/** What a compose file's changes are worked out from. */
export interface ComposeSituation {
  readonly compose: ComposeWorld;
  /** `.env` as it is, before or after its own changes. */
  readonly environment: DotenvFile;
  /** Path of the compose file, as in the settings. */
  readonly path: string;
  readonly from: string;
  readonly to: string;
  readonly catalogue: Catalogue;
  /** Images as the settings have them, by the release's name for the service; `{version}` stands for the release. */
  readonly images: Readonly<Record<string, string>>;
}

/** How a compose file comes out. */
export interface ComposeResult {
  readonly file: ComposeFile;
  readonly plan: ComposePlan;
  /** Variables of `.env` through which images are named, with the values that they need. */
  readonly variables: Readonly<Record<string, string>>;
}

/**
 * What changes in a compose file on the way: what newer releases than `to` left is taken back, what those on the way
 * change is made, and the images are those of `to`. It comes out the same whether `.env` has its changes already or not.
 */
export function changeCompose(situation: ComposeSituation): ComposeResult {
  const { compose, path, to, catalogue } = situation;
  const newer = catalogue.releases.filter(({ version }) => compareVersions(version, to) > 0).toReversed();
  const passed = releasesBetween(catalogue, situation.from, to);
  const edits: ComposeEdit[] = [];
  const left: string[] = [];
  let file = compose.file;
  let environment = [...newer, ...passed.toReversed()].reduce(
    (text, release) => undoRelease(text, asChange(release)).file,
    situation.environment,
  );
  for (const release of newer) {
    const undone = undoComposeRelease(file, asChange(release));
    file = undone.file;
    edits.push(...undone.edits);
  }
  for (const release of passed) {
    const after = applyRelease(environment, asChange(release)).file;
    const around = { before: sourcesOf(compose, environment), after: sourcesOf(compose, after) };
    const changed = applyComposeRelease(file, asChange(release), around);
    file = changed.file;
    edits.push(...changed.edits);
    left.push(...changed.left);
    environment = after;
  }
  const values = expandedValues(environment);
  const wanted = wantedImages(file, releaseImages(situation), values);
  const imaged = setImages(file, wanted.images, values);
  const lines = describeComposeEdits([...edits, ...imaged.edits]);
  const all = [...left, ...wanted.left, ...imaged.left, ...furtherFiles(compose)];
  const plan = { file: path, lines, left: all.map((line) => diffLine(line)) };
  return { file: imaged.file, plan, variables: imaged.variables };
}

function asChange({ version, environment, images }: Release): ComposeRelease {
  return { version, changes: environment, images };
}

function releaseImages({ images, to, catalogue }: ComposeSituation): ReleaseImage[] {
  const target = catalogue.releases.find(({ version }) => version === to);
  const services = new Set([...Object.keys(target?.images ?? {}), ...Object.keys(images)]);
  return [...services].flatMap((service): ReleaseImage[] => {
    const imageOf = (release: Release) =>
      images[service]?.replaceAll("{version}", release.version) ?? release.images[service];
    const wanted = target && imageOf(target);
    return wanted ? [{ service, wanted, known: catalogue.releases.flatMap((release) => imageOf(release) ?? []) }] : [];
  });
}

function furtherFiles({ file, overrides }: ComposeWorld): string[] {
  return [
    ...file.furtherFiles().map((key) => `${key}: the files that it names are not looked at`),
    ...overrides.map((name) => `${name}: docker compose reads it, too; it is not looked at`),
  ];
}
