import type { World } from "./world";

/** What somebody else has changed since the last `up`, a line each; nothing while an attempt is unfinished. */
export function describeDrift({ lastOutcome, revisions, environmentDigest, services }: World): string[] {
  if (!lastOutcome) return [];
  const { release, revision, environmentDigest: digest } = lastOutcome;
  const now = revisions.join(", ") || "none";
  return [
    ...(revision !== null && now !== revision
      ? [`alembic_version says ${now}; the last up had left it at ${revision}`]
      : []),
    ...(digest !== null && digest !== environmentDigest ? ["the settings file was edited since the last up"] : []),
    ...services.flatMap((service) => driftOf(service, release)),
  ];
}

function driftOf({ name, running, release, asSpecified }: World["services"][number], expected: string): string[] {
  if (!running) return [`${name} does not run`];
  if (release !== expected) return [`${name} runs ${release ?? "an unknown release"}, not ${expected}`];
  return asSpecified ? [] : [`${name} was started with other settings, or before the settings file was edited`];
}
