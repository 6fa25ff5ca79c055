import { describeChange } from "../environment/describe-change";
import type { ApiChange, Catalogue, Migration, Release } from "../releases/release";
import { releasesBetween, stepUp } from "./chain";
import { stopReasons } from "./stops";
import { planWayBack } from "./way-back";

/** What one release on the way changes, for those who run OctoLLM and for those who write programs for it. */
export interface ReleaseChanges {
  readonly version: string;
  readonly date: string;
  readonly type: Release["type"];
  readonly notes: readonly string[];
  readonly operators: {
    readonly requiredStop: boolean;
    /** Why the services stop; empty when they need not. */
    readonly stops: readonly string[];
    readonly revisions: readonly RevisionChange[];
    /** How a step to this release from the one before is undone, and what that loses. */
    readonly wayBack: { readonly class: string; readonly loses: readonly string[] } | null;
    readonly environment: readonly string[];
    readonly images: readonly string[];
  };
  readonly clients: readonly ApiChange[];
}

/** One revision, and what its own way back is. */
export type RevisionChange = Pick<Migration, "revision" | "title" | "phase" | "downClass" | "downLoss">;

/**
 * What the releases after `from`, up to and with `to`, change, oldest first.
 *
 * @param from - null for the first release, too
 */
export function releaseChanges(catalogue: Catalogue, from: string | null, to: string): ReleaseChanges[] {
  return releasesBetween(catalogue, from ?? "0", to).map((release) => {
    const before = catalogue.releases[catalogue.releases.indexOf(release) - 1];
    return {
      version: release.version,
      date: release.date,
      type: release.type,
      notes: release.notes,
      operators: forOperators(catalogue, release, before),
      clients: release.api,
    };
  });
}

function forOperators(
  catalogue: Catalogue,
  release: Release,
  before: Release | undefined,
): ReleaseChanges["operators"] {
  const steps = release.migrations.map(stepUp);
  const back =
    before && planWayBack({ direction: "up", from: before, to: release, steps, catalogue, environmentFile: ".env" });
  return {
    requiredStop: release.requiredStop,
    stops: before ? stopReasons(steps, before, catalogue) : [],
    revisions: catalogue.chain
      .filter(({ revision }) => release.migrations.some((own) => own.revision === revision))
      .map(({ revision, title, phase, downClass, downLoss }) => ({ revision, title, phase, downClass, downLoss })),
    wayBack: back ? { class: back.class, loses: back.loses } : null,
    environment: release.environment.map(describeChange),
    images: Object.values(release.images),
  };
}
