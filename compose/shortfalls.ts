import { isScalar, type Scalar, visit } from "yaml";

import type { ReleaseEnvironment } from "../environment/changes";
import { pathEndsIn, withPathEnding } from "../environment/url-path";
import { acceptable } from "./candidates";
import { type ComposeFile, ComposeFileError } from "./compose-file";
import { placeOf } from "./edits";
import { InterpolationError, namesIn, type Values } from "./interpolate";
import { environmentSections } from "./sections";
import { type EnvironmentSources, serviceEnvironment, type ServiceVariable } from "./service-environment";

/** `.env` and the files of `env_file`, before and after a release's changes. */
export interface SourcesAround {
  readonly before: EnvironmentSources;
  readonly after: EnvironmentSources;
}

/** What each service gets; a service that cannot be read is missing. */
export type Effective = ReadonlyMap<string, ReadonlyMap<string, ServiceVariable>>;

/** What each service gets with these sources. */
export function effective(file: ComposeFile, sources: EnvironmentSources): Effective {
  const found = new Map<string, ReadonlyMap<string, ServiceVariable>>();
  for (const service of file.serviceNames())
    try {
      found.set(service, serviceEnvironment(file, service, sources));
    } catch (error) {
      if (!(error instanceof ComposeFileError)) throw error;
    }
  return found;
}

interface Outcome {
  readonly release: ReleaseEnvironment;
  readonly around: SourcesAround;
  /** What the services got before. */
  readonly before: Effective;
  /** The file with its changes. */
  readonly file: ComposeFile;
}

/** What the services do not get as the release wants it, however their variables are written: a line each, no values. */
export function leftInServices(outcome: Outcome): string[] {
  const { around, before, file, release } = outcome;
  const after = effective(file, around.after);
  // As it would be, if what has left .env were still there.
  const kept = effective(file, { ...around.after, values: { ...around.before.values, ...around.after.values } });
  const touched = new Set(release.changes.map(({ key }) => key));
  return file.serviceNames().flatMap((service) => {
    const [old, now] = [before.get(service), after.get(service)];
    if (!old || !now) return [`${service}: what it gets could not be worked out; docker compose config says why`];
    const lost = [...now].filter(
      ([key, { value }]) => !touched.has(key) && old.has(key) && value !== kept.get(service)?.get(key)?.value,
    );
    return [
      ...release.changes.flatMap((change) => shortfall(change, { old, now, outcome }) ?? []),
      ...lost.map(([key]) => `${key} refers to a variable that the upgrade takes out of .env, and gets another value`),
    ].map((text) => `${service}: ${text}`);
  });
}

interface Around {
  readonly old: ReadonlyMap<string, ServiceVariable>;
  readonly now: ReadonlyMap<string, ServiceVariable>;
  readonly outcome: Outcome;
}

function shortfall(change: ReleaseEnvironment["changes"][number], { old, now, outcome }: Around): string | null {
  const source = change.kind === "add" ? change.from : change.key;
  const had = source === undefined ? undefined : old.get(source);
  if (source === undefined || had === undefined) return null;
  const { value } = had;
  switch (change.kind) {
    case "add": {
      const { before, after } = outcome.around;
      const is = now.get(change.key)?.value;
      const preset = old.get(change.key);
      if (
        preset
          ? is === preset.value
          : acceptable(value, change, { before: before.values, after: after.values }).includes(is)
      )
        return null;
      // Without a value of its own the new release runs on the same default.
      return !value && is === undefined ? null : `${change.key} has to be what ${source} was`;
    }
    case "rename": {
      const wanted = old.has(change.to) ? old.get(change.to)?.value : value;
      return now.get(change.to)?.value === wanted ? null : `${source} has to be called ${change.to}`;
    }
    case "url-path": {
      const is = now.get(source)?.value ?? "";
      const isOld = withPathEnding(is, change.suffix, change.replacement) !== null;
      return isOld && !pathEndsIn(is, change.replacement)
        ? `${source} ends in ${change.suffix} and has to end in ${change.replacement}`
        : null;
    }
    default:
      return null;
  }
}

/** What else in the file refers to a variable that `.env` no longer sets, a line each. */
export function leftOutside({ file, around }: Outcome): string[] {
  const gone = new Set(Object.keys(around.before.values).filter((key) => !isIn(around.after.values, key)));
  if (gone.size === 0) return [];
  const sections = new Set(environmentSections(file).map(({ node }): unknown => node));
  const found: string[] = [];
  visit(file.document, {
    Map: (_, node) => (sections.has(node) ? visit.SKIP : undefined),
    Seq: (_, node) => (sections.has(node) ? visit.SKIP : undefined),
    Scalar(key, node) {
      if (key === "key") return;
      for (const name of referredIn(node).filter((referred) => gone.has(referred)))
        found.push(`${placeOf(file.document, node)}: refers to ${name}, which the upgrade takes out of .env`);
    },
  });
  return [...new Set(found)];
}

const isIn = (values: Values, key: string) => Object.hasOwn(values, key);

function referredIn(node: Scalar): string[] {
  if (!isScalar(node) || typeof node.value !== "string") return [];
  try {
    return namesIn(node.value);
  } catch (error) {
    if (error instanceof InterpolationError) return [];
    throw error;
  }
}
