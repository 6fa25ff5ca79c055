import type { Catalogue, Release } from "../releases/release";
import { compareVersions } from "../releases/version";
import type { CheckPlan, Direction } from "./plan";
import type { Goal } from "./world";

interface Situation {
  readonly goal: Goal;
  readonly to: Release;
  readonly catalogue: Catalogue;
  readonly direction: Direction;
  /** Where the database stands once all revisions are done. */
  readonly revision: string;
  /** Whether the writers are stopped from the count to the verification. */
  readonly stopped: boolean;
}

/** Indexes that the release and those before it declare. */
export function expectedIndexes(catalogue: Catalogue, to: Release): string[] {
  return catalogue.releases
    .filter((release) => compareVersions(release.version, to.version) <= 0)
    .flatMap((release) => release.indexes);
}

/** What Verification will look at, as declared by the release. */
export function planChecks({ goal, to, catalogue, direction, revision, stopped }: Situation): CheckPlan {
  const countsMustMatch = stopped && direction !== "adopt" && direction !== "none";
  return {
    release: to.version,
    revision,
    countsMustMatch,
    lines: [
      ...goal.services.map(({ name, health }) => `${name} answers ${health} as ${to.version}`),
      ...to.smoke.map(({ service, method, path, status }) => `${service} answers ${method} ${path} with ${status}`),
      countsMustMatch
        ? `every table has exactly the rows ${direction === "restore" ? "of the backup" : "that it had before"}`
        : "row counts are listed; they may differ, because nobody was stopped",
      ...to.invariants.map(({ name }) => name),
      ...expectedIndexes(catalogue, to).map((index) => `index ${index} is there and valid`),
      `alembic_version says ${revision}`,
      "no error in the services' logs since they started",
    ],
  };
}
