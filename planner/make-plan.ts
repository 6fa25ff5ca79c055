import type { Catalogue, Release } from "../releases/release";
import { compareVersions } from "../releases/version";
import { noRestore } from "./backups";
import { findRelease, releasesBetween, revisionIndex } from "./chain";
import { planChecks } from "./checks";
import { changeCompose, type ComposeResult } from "./compose";
import { planContainers } from "./containers";
import { planDeployments } from "./deployments";
import { planEnvironment } from "./environment";
import { inTheirWays, settleHalfDone, undoesHalfDone } from "./half-done";
import { hash, lossId } from "./hash";
import { isInstallation, judgeInstallation, planInstallStops } from "./installing";
import { obstacles, restoreObstacles } from "./obstacles";
import type { BackupPlan, DeployPlan, Direction, LossPlan, Plan } from "./plan";
import { type Refusal, refusals } from "./refusals";
import {
  chooseRestore,
  type ChosenRestore,
  planRestore,
  planRestoreLoss,
  planRestoreStops,
  planRestoreWayBack,
  restoreInstead,
} from "./restore";
import { chooseRevisions, type RevisionChoice } from "./revisions";
import { withStatementFacts } from "./statement-facts";
import { planStops } from "./stops";
import { planWayBack } from "./way-back";
import type { Goal, World } from "./world";

/** What the planner answers: a plan and whether there is anything to do in it, or every reason why there is none. */
export type Outcome =
  | { readonly kind: "plan"; readonly plan: Plan; readonly settled: boolean }
  | { readonly kind: "refused"; readonly reasons: readonly Refusal[] };

/**
 * World and goal to plan: pure, total and deterministic.
 *
 * @param world - what the installation is like
 * @param goal - what the operator asks for
 * @param catalogue - all releases and their chain of revisions
 */
export function makePlan(world: World, goal: Goal, catalogue: Catalogue): Outcome {
  const chosen = chooseRestore(world, goal, catalogue);
  if (chosen.kind === "refused") return chosen;
  if (chosen.kind === "restore") return restorePlan(world, goal, catalogue, chosen);
  if (isInstallation(world, goal)) return installPlan(world, goal, catalogue);
  const reasons = [...refusals(world, goal, catalogue)];
  const to = findRelease(catalogue, goal.version);
  const from = world.release === null ? undefined : findRelease(catalogue, world.release);
  const revision = world.revisions.length === 1 ? world.revisions[0] : undefined;
  // Without these there is no plan in whose way anything could stand.
  if (!to || !from || revision === undefined || revisionIndex(catalogue, revision) === undefined)
    return { kind: "refused", reasons };
  const choice = settleHalfDone(chooseRevisions(revision, to, catalogue), world.halfDone, catalogue);
  if (choice.kind === "no-way-down") {
    const instead = restoreInstead(world, { to, ...choice });
    if (instead.kind === "refused") return { kind: "refused", reasons: [...reasons, ...instead.reasons] };
    return reasons.length > 0 ? { kind: "refused", reasons } : restorePlan(world, goal, catalogue, instead);
  }
  const [pre, post] = [choice.pre, choice.post].map((steps) => inTheirWays(steps, world, catalogue));
  const way = { ...choice, pre: pre ?? [], post: post ?? [] };
  const direction = goal.emptyStack ? "adopt" : findDirection(from, to, way);
  const plan = assemble({ world, goal, catalogue, from, to, direction, choice: way });
  const settled = isSettled(plan, world);
  if (!settled || goal.emptyStack) reasons.push(...obstacles(plan, world, goal, catalogue));
  return reasons.length > 0 ? { kind: "refused", reasons } : { kind: "plan", plan, settled };
}

/** From nothing: every revision before any service runs. */
function installPlan(world: World, goal: Goal, catalogue: Catalogue): Outcome {
  const reasons = judgeInstallation(world, goal, catalogue);
  const to = findRelease(catalogue, goal.version);
  const choice =
    to && settleHalfDone(chooseRevisions(world.revisions[0] ?? null, to, catalogue), world.halfDone, catalogue);
  if (!to || reasons.length > 0 || choice?.kind !== "steps") return { kind: "refused", reasons };
  const pre = inTheirWays([...choice.pre, ...choice.post], world, catalogue);
  const way = { ...choice, pre, post: [] };
  const plan = assemble({ world, goal, catalogue, from: to, to, direction: "install", choice: way });
  reasons.push(...obstacles(plan, world, goal, catalogue));
  return reasons.length > 0 ? { kind: "refused", reasons } : { kind: "plan", plan, settled: false };
}

interface Situation {
  readonly world: World;
  readonly goal: Goal;
  readonly catalogue: Catalogue;
  readonly from: Release;
  readonly to: Release;
  readonly direction: Direction;
  readonly choice: RevisionChoice;
}

function assemble({ world, goal, catalogue, from, to, direction, choice }: Situation): Plan {
  const installs = direction === "install";
  const steps = [...choice.pre, ...choice.post];
  const since = changesSince(world, from.version);
  const compose = installs ? null : planCompose(world, goal, { from: since, to: to.version, catalogue });
  const way = { from: installs ? { version: "0" } : { version: since }, to, catalogue };
  const settings = planEnvironment(world.environment, goal.environmentFile, way, compose);
  const environment = since === from.version ? settings : { ...settings, since };
  const stops = installs ? planInstallStops(steps, world) : planStops({ steps: choice.pre, goal, from, catalogue });
  const stopped = stops.services.length > 0;
  const around = { server: world.server, catalogue };
  // A post revision runs once the new release serves.
  // Where nothing is installed yet, nobody is at work.
  const pre = withStatementFacts(choice.pre, { ...around, stopped: stopped || installs });
  const post = withStatementFacts(choice.post, { ...around, stopped: false });
  const writes = steps.length > 0 || environment.lines.length > 0 || changesCompose(environment);
  // Of an empty database there is nothing to keep.
  const isWorthKeeping = installs ? steps.length > 0 && world.revisions.length > 0 : writes;
  const content: Omit<Plan, "id" | "attempt"> = {
    from: from.version,
    to: to.version,
    direction,
    path: installs ? [`${to.version} installed`] : describePath(from, to, catalogue),
    breaks: direction === "up" ? describeBreaks(from, to, catalogue) : [],
    stops,
    backup: planBackup(world, goal, { required: isWorthKeeping, early: goal.backupEarly && stopped && !installs }),
    restore: noRestore,
    revisions: { pre, post },
    environment,
    deploy: planDeploy(world, goal, { from: from.version, to: to.version, stopped, installs }),
    checks: planChecks({
      goal,
      to,
      catalogue,
      direction,
      revision: choice.revision,
      stopped,
    }),
    rollback: planWayBack({
      direction,
      from,
      to,
      steps,
      catalogue,
      environmentFile: goal.environmentFile,
      missing: world.keptReleases,
    }),
    loss: planLoss(direction, to, choice),
  };
  return { id: hash(content, 12), attempt: world.nextAttempt, ...content };
}

/** An attempt at an older release that stopped half-way may have taken back what the releases after that had changed. */
function changesSince({ openAttempt }: World, from: string): string {
  return openAttempt && compareVersions(openAttempt.to, from) < 0 ? openAttempt.to : from;
}

/** What is adopted stays as it is. */
function planCompose(
  { compose, environment }: World,
  { composeFile: path, emptyStack, images = {} }: Goal,
  way: { readonly from: string; readonly to: string; readonly catalogue: Catalogue },
): ComposeResult | null {
  if (!compose || path === undefined || emptyStack) return null;
  return changeCompose({ compose, environment, path, images, ...way });
}

const changesCompose = ({ compose }: Plan["environment"]) => compose !== undefined && compose.lines.length > 0;

/** What is there does not matter to a restore: no revision is judged, and the services may be down. */
function restorePlan(world: World, goal: Goal, catalogue: Catalogue, chosen: ChosenRestore): Outcome {
  const to = findRelease(catalogue, goal.version);
  if (!to) return { kind: "refused", reasons: refusals(world, goal, catalogue) };
  const from = world.release ?? to.version;
  const restore = planRestore(world, goal, chosen);
  const stops = planRestoreStops(goal, chosen);
  const stopped = stops.services.length > 0;
  const content: Omit<Plan, "id" | "attempt"> = {
    from,
    to: to.version,
    direction: "restore",
    path: [`${to.version} from backup ${chosen.backup.id}`],
    breaks: [],
    stops,
    backup: planBackup(world, goal, { required: !chosen.isDone && world.restore.damage === null, early: false }),
    restore,
    revisions: { pre: [], post: [] },
    environment: { file: goal.environmentFile, undo: [], apply: [], lines: [] },
    deploy: planDeploy(world, goal, { from, to: to.version, stopped, installs: false }),
    checks: planChecks({
      goal,
      to,
      catalogue,
      direction: "restore",
      revision: chosen.backup.revision ?? "none",
      stopped: !chosen.isDone,
    }),
    rollback: planRestoreWayBack(world, goal, from, restore),
    loss: planRestoreLoss(chosen, to, hash),
  };
  const plan = { id: hash(content, 12), attempt: world.nextAttempt, ...content };
  const reasons = restoreObstacles(plan, world, {
    goal,
    catalogue,
    databaseBytes: chosen.backup.databaseBytes,
  });
  return reasons.length > 0 ? { kind: "refused", reasons } : { kind: "plan", plan, settled: false };
}

/** The database decides; where it is already right, the versions do. */
function findDirection(from: Release, to: Release, choice: RevisionChoice): Direction {
  const first = [...choice.pre, ...choice.post].find((step) => !undoesHalfDone(step));
  if (first) return first.direction;
  const order = compareVersions(to.version, from.version);
  return order > 0 ? "up" : order < 0 ? "down" : "none";
}

function describePath(from: Release, to: Release, catalogue: Catalogue): string[] {
  if (compareVersions(to.version, from.version) >= 0)
    return releasesBetween(catalogue, from.version, to.version).map(({ version, type }) => `${version} ${type}`);
  const passed = releasesBetween(catalogue, to.version, from.version).slice(0, -1);
  return [...passed.toReversed(), to].map(({ version }) => `${version} back`);
}

function describeBreaks(from: Release, to: Release, catalogue: Catalogue): string[] {
  return releasesBetween(catalogue, from.version, to.version).flatMap((release) =>
    release.api.filter((change) => change.breaking).map((change) => `${release.version}: ${change.text}`),
  );
}

function planBackup(world: World, goal: Goal, { required, early }: { required: boolean; early: boolean }): BackupPlan {
  if (!required) return { required, contents: [] };
  const { volumes = [] } = world;
  const stores = [...new Set(volumes.flatMap(({ containers }) => containers ?? []))];
  return {
    required,
    contents: [
      `database ${world.database}: pg_dump in directory format, ${goal.backupJobs} jobs, one snapshot, exact row counts`,
      world.cluster
        ? `${goal.environmentFile}, and the objects of ${world.cluster.name}`
        : `${goal.environmentFile}, byte for byte`,
      ...(goal.composeFile === undefined ? [] : [`${goal.composeFile}, byte for byte`]),
      `${goal.configFolder}, as an archive`,
      `into ${goal.backupFolder}, with the SHA-256 of every file`,
      ...volumes.map(
        ({ name, containers }) =>
          `volume ${name}, as an archive: ${(containers ?? []).join(", ")} is stopped for as long as that takes`,
      ),
      ...(early ? ["before the services stop, and again after that if anybody has written meanwhile"] : []),
    ],
    ...(stores.length === 0 ? {} : { stores }),
  };
}

interface Move {
  readonly from: string;
  readonly to: string;
  readonly stopped: boolean;
  readonly installs: boolean;
}

function planDeploy(world: World, goal: Goal, move: Move): DeployPlan {
  const { from, to } = move;
  const change = from === to ? to : `${from} -> ${to}`;
  const containers = planContainers({ world, goal, ...move });
  const deployments = planDeployments({ world, goal, ...move });
  const services = goal.services.map(({ name }) => {
    const { image, imageId } = containers?.find(({ service }) => service === name) ?? {};
    const rolled = deployments?.find(({ service }) => service === name);
    const made = rolled ? `, ${rolled.image}` : "";
    return `${name}: ${change}${image ? `, ${image} (${imageId?.slice(0, "sha256:".length + 12)})` : made}`;
  });
  return { release: to, services, ...(containers ? { containers } : {}), ...(deployments ? { deployments } : {}) };
}

function planLoss(direction: Direction, to: Release, choice: RevisionChoice): LossPlan {
  if (choice.loses.length === 0) return { id: null, kinds: [] };
  return { id: lossId(direction, to.version, choice.loses), kinds: choice.loses };
}

/** Whether the world already is as the goal wants it. */
function isSettled(plan: Plan, world: World): boolean {
  return (
    plan.from === plan.to &&
    plan.direction !== "adopt" &&
    plan.revisions.pre.length + plan.revisions.post.length === 0 &&
    plan.environment.lines.length === 0 &&
    !changesCompose(plan.environment) &&
    world.openAttempt === null &&
    world.services.every((service) => service.current)
  );
}
