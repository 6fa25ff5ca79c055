import type { DotenvFile } from "../environment/dotenv-file";
import type { Catalogue, Migration, Release } from "../releases/release";
import type { BackupFacts, RestorePlan } from "./backups";
import { findRelease } from "./chain";
import type { LossPlan, RollbackPlan, StopPlan } from "./plan";
import type { Refusal } from "./refusals";
import { restoreNames } from "./restore-names";
import { describeLosses } from "./revisions";
import type { Goal, World } from "./world";

/** A backup that is to take the place of what is there. */
export interface ChosenRestore {
  readonly kind: "restore";
  readonly backup: BackupFacts;
  readonly wish: string | null;
  /** Whether its database is in place already, from an attempt that did not reach its end. */
  readonly isDone: boolean;
}

type Choice = ChosenRestore | { readonly kind: "none" } | { readonly kind: "refused"; readonly reasons: Refusal[] };

const path = "octollm:restoreFrom";
const refuse = (...texts: string[]): Choice => ({ kind: "refused", reasons: texts.map((text) => ({ path, text })) });

/** Whether settings or an unfinished restore ask for a backup, and which. */
export function chooseRestore(world: World, goal: Goal, catalogue: Catalogue): Choice {
  const { unfinished, fulfilled, damage } = world.restore;
  const wish = goal.restoreFrom;
  const begun = world.restore.backups.find(({ id }) => id === unfinished?.backup);
  const goesOn = begun && begun.release === goal.version && (wish === "" || wish === unfinished?.wish);
  if (goesOn) return { kind: "restore", backup: begun, wish: unfinished?.wish ?? null, isDone: true };
  if (wish !== "" && wish !== fulfilled) return chooseWished(world, goal, catalogue);
  if (damage === null) return { kind: "none" };
  return refuse(`the database cannot be read (${damage}), and no backup is named to restore. ${howToChoose(world)}`);
}

function chooseWished(world: World, goal: Goal, catalogue: Catalogue): Choice {
  const wish = goal.restoreFrom;
  const [, id = ""] = /^(.+?)(?:#[1-9]\d*)?$/.exec(wish) ?? [];
  const backup = world.restore.backups.find((candidate) => candidate.id === id);
  if (!backup) return refuse(`there is no backup '${id}' in '${goal.backupFolder}'. ${howToChoose(world)}`);
  if (goal.emptyStack)
    return refuse(
      "this stack has not adopted the installation yet: first 'octollm up' without restoreFrom. To look into a backup " +
        `beside the installation: octollm backups restore ${id} --into <new database>`,
    );
  const faults = [
    ...(backup.fault === null ? [] : [`backup '${id}' cannot be used: ${backup.fault}`]),
    ...(backup.release === goal.version
      ? []
      : [
          `backup '${id}' is of OctoLLM ${backup.release}, but version is ${goal.version}: octollm config set version ${backup.release}`,
        ]),
    ...(findRelease(catalogue, backup.release) ? [] : [`the catalogue has no release '${backup.release}'`]),
  ];
  return faults.length > 0 ? refuse(...faults) : { kind: "restore", backup, wish, isDone: false };
}

function howToChoose({ restore }: World): string {
  const [newest] = restore.backups.filter(({ fault }) => fault === null);
  return newest
    ? `See them with: octollm backups list; then: octollm backups restore ${newest.id}`
    : "There is no backup that could be used; see: octollm backups list";
}

/**
 * The backup that leads to a release when no schema down does: the newest one of that release and revision.
 *
 * @param dead - the revisions that have no way down
 */
export function restoreInstead(
  { restore }: World,
  { to, revision, dead }: { to: Release; revision: string; dead: readonly Migration[] },
): ChosenRestore | { readonly kind: "refused"; readonly reasons: Refusal[] } {
  const candidates = restore.backups.filter((backup) => backup.release === to.version && backup.revision === revision);
  const backup = candidates.find(({ fault }) => fault === null);
  if (backup) return { kind: "restore", backup, wish: null, isDone: false };
  const broken = candidates.map(({ id, fault }) => ` Backup '${id}' cannot be used: ${fault}.`).join("");
  const text =
    `there is no way down to ${to.version}: ${describeLosses(dead).join("; ")}. Only a backup of OctoLLM ${to.version} at revision ` +
    `${revision} leads back, and there is none that could be used.${broken} Put one into the backup folder, or name another ` +
    `one: octollm backups list`;
  return { kind: "refused", reasons: [{ path: "octollm:version", text }] };
}

/** How the backup takes the place of what is there. */
export function planRestore(world: World, goal: Goal, chosen: ChosenRestore): RestorePlan {
  const { backup, wish, isDone } = chosen;
  const { noRename, damage } = world.restore;
  const way = isDone ? "done" : noRename === null ? "swap" : "replace";
  const { database } = world;
  const { incoming, before } = restoreNames(database, backup.id, world.restore.databases);
  const databaseLines = {
    done: [`database ${database}: is that of the backup since attempt ${world.restore.unfinished?.attempt ?? "?"}`],
    swap: [
      `loads it into ${incoming}`,
      "compares rows, objects, revision and invariants with the backup",
      ...(damage === null ? [`renames ${database} to ${before}, which is kept until it is pruned`] : []),
      `renames ${incoming} to ${database}, in the same transaction`,
      `leaves owner, rights and settings of database ${database} as they are`,
    ],
    replace: [
      `in one transaction: drops every object of ${database}, loads the backup, and compares its rows`,
      `because databases cannot be renamed here: ${noRename ?? ""}`,
    ],
  };
  return {
    backup: backup.id,
    wish,
    way,
    ...(way === "swap" ? { incoming, before } : { incoming: null, before: null }),
    lines: [
      `backup ${backup.id} of OctoLLM ${backup.release} at revision ${backup.revision ?? "none"}, made ${backup.created}`,
      ...(damage === null ? [] : [`the database as it is cannot be read: ${damage}`]),
      ...databaseLines[way],
      ...environmentLines(goal.environmentFile, world.environment, backup.environment),
      ...(goal.composeFile === undefined
        ? []
        : [
            `${goal.composeFile}: ${backup.hasCompose ? "byte for byte as in the backup" : "stays, the backup has none"}`,
          ]),
      backup.hasConfig
        ? `${goal.configFolder}: as in the backup; what it replaces is kept beside it`
        : `${goal.configFolder}: stays, the backup has none`,
    ],
  };
}

/** Which variables differ, without their values. */
function environmentLines(file: string, now: DotenvFile, then: DotenvFile | null): string[] {
  if (then === null) return [`${file}: byte for byte as in the backup, which is encrypted`];
  if (now.toBuffer().equals(then.toBuffer())) return [`${file}: is as in the backup already`];
  const keys = [...new Set([...then.keys(), ...now.keys()])].filter((key) => now.rawBytes(key) !== then.rawBytes(key));
  const sign = (key: string) => (now.rawBytes(key) === undefined ? "+" : then.rawBytes(key) === undefined ? "-" : "~");
  return [`${file}: byte for byte as in the backup`, ...keys.map((key) => `${file}: ${sign(key)} ${key}`)];
}

/** A restore always stops every service: none may write while the database is replaced. */
export function planRestoreStops(goal: Goal, { backup }: ChosenRestore): StopPlan {
  return {
    services: goal.services.map(({ name }) => name).toReversed(),
    reasons: [`restore: backup ${backup.id} takes the place of what the services write to`],
  };
}

/** What is lost, without numbers: those move by themselves. */
export function restoreLosses({ backup, isDone }: ChosenRestore): string[] {
  if (isDone) return [];
  return [`everything written since backup ${backup.id} of ${backup.created}`];
}

/** The way back from a restore is another one: of the backup that is made before, or of the database that is kept. */
export function planRestoreWayBack(world: World, goal: Goal, from: string, { way }: RestorePlan): RollbackPlan {
  const loses = [`everything written after the restore, once OctoLLM ${goal.version} serves`];
  const backup =
    world.restore.damage === null
      ? [`octollm backups restore <the backup that this attempt makes>, of OctoLLM ${from}`, "needs acceptLoss"]
      : [];
  const kept = way === "swap" ? [`the replaced database is kept whole, and can be renamed back by hand`] : [];
  return { class: "restore", steps: [...backup, ...kept], loses };
}

/** @param hash - of a value, in so many hex digits */
export function planRestoreLoss(
  chosen: ChosenRestore,
  to: Release,
  hash: (value: unknown, digits: number) => string,
): LossPlan {
  const kinds = restoreLosses(chosen);
  return { id: kinds.length > 0 ? hash(["restore", to.version, chosen.backup.id, kinds], 8) : null, kinds };
}
