import { backUp, backUpBeforeRestore, backUpEarly } from "../../phases/backup";
import { complete } from "../../phases/complete";
import { goneForGood, retireContainer, type Successor } from "../../phases/containers";
import { type Manifests, prepareManifests } from "../../phases/deployments";
import { changeEnvironmentFile } from "../../phases/environment";
import { mendIndexes } from "../../phases/indexes";
import { measureBefore } from "../../phases/load-before";
import { migrate } from "../../phases/migrate";
import { quiesce } from "../../phases/quiesce";
import { awaitService } from "../../phases/readiness";
import { restore } from "../../phases/restore";
import { resume } from "../../phases/resume";
import { verify } from "../../phases/verify";
import type { RestorePlan } from "../../planner/backups";
import type { CheckPlan, ContainerPlan, DeploymentPlan, EnvironmentPlan, RevisionStep } from "../../planner/plan";
import { RevisionError, type RevisionResult } from "../../postgres/runner";
import { linesOf, variablesOf } from "../../runtimes/docker/variables";
import { type Properties, secret, unknown } from "../codec";
import type { PhaseWork } from "./phase";

export const quiesceWork: PhaseWork = {
  name: "Quiesce",
  run: async (attempt, inputs, activity) => {
    await measureBefore(attempt, activity);
    await backUpEarly(attempt, activity);
    await quiesce(attempt, inputs.services as string[], activity);
    return {};
  },
};

export const backupWork: PhaseWork = {
  name: "Backup",
  run: async (attempt, inputs, activity) => {
    if (inputs.required !== true) return { path: null };
    const isRestore = attempt.plan.restore.backup !== null;
    const outcome = await (isRestore ? backUpBeforeRestore : backUp)(attempt, activity);
    return outcome ? { ...outcome } : { path: null };
  },
};

export const restoreWork: PhaseWork = {
  name: "Restore",
  run: async (attempt, inputs, activity) => ({
    ...(await restore(attempt, inputs as unknown as RestorePlan, activity)),
  }),
};

export const migrationWork: PhaseWork = {
  name: "SchemaMigration",
  run: async (attempt, inputs, activity) => {
    const done = describe(await migrate(attempt, inputs.revisions as RevisionStep[], activity));
    return { done: inputs.phase === "pre" ? [...done, ...(await mendIndexes(attempt, activity))] : done };
  },
  partialOutputs: (error) =>
    error instanceof RevisionError && error.results.length > 0 ? { done: describe(error.results) } : null,
};

function describe(results: readonly RevisionResult[]): string[] {
  return results.map(({ revision, direction, outcome, milliseconds }) => {
    return `${direction === "up" ? "+" : "-"}${revision} ${outcome}, ${(milliseconds / 1000).toFixed(1)} s`;
  });
}

export const environmentWork: PhaseWork = {
  name: "Environment",
  run: async (attempt, inputs) => {
    await changeEnvironmentFile(attempt, inputs as unknown as EnvironmentPlan);
    return {};
  },
};

export const retireWork: PhaseWork = {
  name: "Retire",
  run: async (attempt, inputs, activity, old) => {
    const plan = inputs as unknown as ContainerPlan;
    const kept = keptIn(old, plan);
    if (kept) return successorOutputs(kept, plan.keeps);
    return successorOutputs(await retireContainer(attempt, plan, rememberedIn(old), activity), attempt.number);
  },
  foresee: ({ successors }, inputs, old) => {
    const plan = inputs as unknown as ContainerPlan;
    const kept = keptIn(old, plan);
    if (kept) return successorOutputs(kept, plan.keeps);
    const successor = successors[plan.service] ?? rememberedIn(old);
    if (!successor) throw goneForGood(plan);
    return successorOutputs(successor, Number(inputs.attempt));
  },
};

function successorOutputs({ definition, environment }: Successor, madeBy: number | null): Properties {
  return { definition, environment: environment === null ? unknown : secret(linesOf(environment)), madeBy };
}

/**
 * What the container that stays was made of, when it is the one that the state knows. After an attempt that was undone the
 * state knows the one that was removed then: declared again it would stand in its own way, so it makes way for a new one.
 */
function keptIn(old: Properties | null, { keeps }: ContainerPlan): Successor | null {
  return typeof keeps === "number" && old?.madeBy === keeps ? rememberedIn(old) : null;
}

/** What the container of the state was made of. */
function rememberedIn(old: Properties | null): Successor | null {
  if (!old?.definition || !Array.isArray(old.environment)) return null;
  return {
    definition: old.definition as Successor["definition"],
    environment: variablesOf(old.environment as string[]),
  };
}

export const manifestsWork: PhaseWork = {
  name: "Manifests",
  run: async (attempt, inputs, activity, old) => {
    const plans = inputs.plans as DeploymentPlan[];
    return manifestOutputs(await prepareManifests(attempt, plans, activity), plans, old);
  },
  foresee: ({ manifests }, inputs, old) => {
    if (manifests === null) throw new Error("a Deployment is to be declared, and no plan of this run says which");
    return manifestOutputs(manifests, inputs.plans as DeploymentPlan[], old);
  },
};

/** A Deployment that stays is declared as the state has it: what the cluster has added since is no change. */
function manifestOutputs(manifests: Manifests, plans: readonly DeploymentPlan[], old: Properties | null): Properties {
  const earlier = old as Partial<Pick<Manifests, "deployments" | "budgets" | "madeBy">> | null;
  const stays = ({ service, keeps }: DeploymentPlan) => keeps !== null && earlier?.madeBy?.[service] === keeps;
  const kept = (of: "deployments" | "budgets") =>
    Object.fromEntries(
      plans.flatMap((plan) => {
        const manifest = (stays(plan) ? earlier : manifests)?.[of]?.[plan.service];
        return manifest === undefined ? [] : [[plan.service, manifest]];
      }),
    );
  return {
    configMap: manifests.configMap,
    secret: manifests.secret === null ? null : secret(manifests.secret),
    deployments: kept("deployments"),
    budgets: kept("budgets"),
    madeBy: manifests.madeBy,
  };
}

export const readinessWork: PhaseWork = {
  name: "Readiness",
  run: async (attempt, inputs, activity) => {
    await awaitService(attempt, String(inputs.service), activity);
    return {};
  },
};

export const resumeWork: PhaseWork = {
  name: "Resume",
  run: async (attempt, inputs, activity) => {
    await resume(attempt, String(inputs.release), activity);
    const { stoppedAt, servingAt } = attempt.progress;
    const gap = stoppedAt === null || servingAt === null ? 0 : servingAt - stoppedAt;
    return { downtimeSeconds: Math.round(gap / 100) / 10 };
  },
};

export const verificationWork: PhaseWork = {
  name: "Verification",
  run: async (attempt, inputs, activity) => {
    const results = await verify(attempt, inputs as unknown as CheckPlan, activity);
    return { passed: results.map(({ check, detail }) => `${check}: ${detail}`) };
  },
};

export const completionWork: PhaseWork = {
  name: "Completion",
  recall: ({ backup }) => ({ backup }),
  run: async (attempt, _inputs, activity) => {
    await complete(attempt, activity);
    return { backup: attempt.progress.backup?.path ?? null };
  },
};
