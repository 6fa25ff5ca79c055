import type { Catalogue } from "../releases/release";
import { releasesBetween } from "./chain";
import type { Plan, RevisionStep, StopPlan } from "./plan";
import { judgeChecksums, judgeRevision, judgeVersion, type Refusal } from "./refusals";
import type { Goal, World } from "./world";

/**
 * Whether OctoLLM is installed anew: the stack is empty, and so is the database, and no service runs; or an installation
 * was begun and did not reach its end.
 */
export function isInstallation(world: World, { emptyStack }: Pick<Goal, "emptyStack">): boolean {
  if (world.openAttempt?.installs === true) return true;
  return emptyStack && isEmptyDatabase(world) && world.services.every(({ running }) => !running);
}

/** Nothing but perhaps an empty alembic_version: what else there is, somebody has made. */
function isEmptyDatabase({ revisions, server }: World): boolean {
  return revisions.length === 0 && server.relations.every(({ name }) => name === "alembic_version");
}

/** Every reason why nothing can be installed here, beyond what stands in the way of any plan. */
export function judgeInstallation(world: World, goal: Goal, catalogue: Catalogue): Refusal[] {
  return [
    ...judgeVersion(goal, catalogue),
    ...(world.revisions.length > 0 ? judgeRevision(world, catalogue) : []),
    ...judgeChecksums(world, catalogue),
    ...judgeBegun(world, goal),
    ...judgeCluster(world),
    ...judgeForeign(world),
  ];
}

/** What was begun may have served already, so that another release would be an upgrade or a way back. */
function judgeBegun({ openAttempt: open }: World, { version }: Goal): Refusal[] {
  if (!open || version === open.to) return [];
  return [
    {
      path: "octollm:version",
      text:
        `the installation of OctoLLM ${open.to} has not reached its end (attempt ${open.attempt}). Have it ended first:\n` +
        `  octollm config set version ${open.to} && octollm up\nthen:\n` +
        `  octollm config set version ${version} && octollm up`,
    },
  ];
}

/** Deployments follow Deployments: where there are none, nothing tells what they are to be like. */
function judgeCluster({ cluster, database }: World): Refusal[] {
  if (cluster === undefined) return [];
  return [
    {
      path: "octollm:target",
      text:
        `database '${database}' is empty and no service runs, and on Kubernetes this program installs nothing anew. Apply ` +
        "OctoLLM's own manifests first, then have it adopted: octollm up",
    },
  ];
}

/** A container of somebody else would be put away, and removed in the end. */
function judgeForeign({ services, openAttempt }: World): Refusal[] {
  return services.flatMap(({ name, container }) => {
    if (!container || container.imageId === "" || (openAttempt && container.attempt !== null)) return [];
    return [
      {
        path: `octollm:services.${name}`,
        text:
          `there is a container '${container.name}' already, and nothing is installed in its place. Start it to have what ` +
          `it belongs to adopted; or, if nobody needs it: docker rm --force ${container.name}`,
      },
    ];
  });
}

/** Who has to stop: nobody, unless services of a run that was cut short are at work already. */
export function planInstallStops(steps: readonly RevisionStep[], { services }: World): StopPlan {
  const running = services.filter(({ running: runs }) => runs).map(({ name }) => name);
  if (running.length === 0 || steps.length === 0)
    return { services: [], reasons: ["nothing has been installed that could be missed"] };
  return { services: running.toReversed(), reasons: ["nobody may be at work while the schema is made"] };
}

/** The releases whose changes `.env` goes through: all up to the installed one when there was none before. */
export function passedReleases(plan: Pick<Plan, "from" | "to" | "direction">, catalogue: Catalogue) {
  return releasesBetween(catalogue, plan.direction === "install" ? "0" : plan.from, plan.to);
}
