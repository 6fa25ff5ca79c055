import type { Catalogue, Release, SmokeTask } from "../releases/release";
import { compareVersions } from "../releases/version";
import { mayAnswer, measurements } from "./load";
import type { CheckPlan, Direction } from "./plan";
import type { Goal, WantedChecks } from "./world";

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

/** What Verification will look at, as declared by the release and the settings. */
export function planChecks({ goal, to, catalogue, direction, revision, stopped }: Situation): CheckPlan {
  const countsMustMatch = stopped && !["adopt", "install", "none"].includes(direction);
  const { verification, services } = goal;
  // Adopting promises to change nothing, not even for a moment.
  const task = createsTask(to, services, verification) && direction !== "adopt";
  return {
    release: to.version,
    revision,
    countsMustMatch,
    task,
    lines: [
      ...services.map(({ name, health }) => `${name} answers ${health} as ${to.version}`),
      ...[...to.smoke, ...verification.smoke].map(
        ({ service, method, path, status }) => `${service} answers ${method} ${path} with ${status}`,
      ),
      ...(to.task !== null && task ? [describeTask(to.task)] : []),
      ...(direction === "adopt" || direction === "install"
        ? []
        : measurements(to, services, verification).map(
            ({ service, measure }) => `${service}: ${measure} fails no more often and takes no longer than before`,
          )),
      direction === "install"
        ? "row counts are listed; nothing was there before"
        : countsMustMatch
          ? `every table has exactly the rows ${direction === "restore" ? "of the backup" : "that it had before"}`
          : "row counts are listed; they may differ, because nobody was stopped",
      ...[...to.invariants, ...verification.invariants].map(({ name }) => name),
      ...[...expectedIndexes(catalogue, to), ...verification.indexes].map(
        (index) => `index ${index} is there and valid`,
      ),
      `alembic_version says ${revision}`,
      "no error in the services' logs since they started",
    ],
  };
}

/** Whether a release says how a task is created, that service can be reached, and the settings want it. */
export function createsTask(
  { task }: Pick<Release, "task">,
  services: Goal["services"],
  wanted: Pick<WantedChecks, "task">,
): boolean {
  return (
    wanted.task && task !== null && services.some((service) => service.name === task.service && mayAnswer(service))
  );
}

function describeTask({ service, done, webhook }: SmokeTask): string {
  const webhookToo = webhook === null ? "" : ", calls its webhook";
  return `${service} takes a task, gives it back${done === null ? "" : ", has it done"}${webhookToo}, and removes it if it can`;
}
