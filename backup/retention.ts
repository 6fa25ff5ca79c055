import type { ListedBackup } from "./list";

export interface RetentionRule {
  /** Younger ones stay. */
  readonly keepDays: number;
  /** The newest ones that stay whatever their age. */
  readonly keepAtLeast: number;
  /** Ids that the ledger, a stack's state or an unfinished attempt refers to: they stay. */
  readonly referred: ReadonlySet<string>;
  readonly now: Date;
}

/** What retention says of one backup, and why. */
export interface Verdict {
  readonly backup: ListedBackup;
  readonly keep: boolean;
  readonly reason: string;
}

const dayMs = 86_400_000;

/**
 * Which backups go. One that cannot be read, or seems to be of the future, stays: nobody can tell how old it is. So does the
 * newest of every release and revision, which a way back may need.
 *
 * @param backups - newest first, as `listBackups` gives them
 */
export function judgeRetention(backups: readonly ListedBackup[], rule: RetentionRule): Verdict[] {
  const { keepDays, keepAtLeast, referred, now } = rule;
  // A clock that was moved back makes the newest look old: both orders count.
  const readable = backups.filter(({ manifest }) => manifest !== null);
  const byDate = readable.toSorted((a, b) => (b.manifest?.created ?? "").localeCompare(a.manifest?.created ?? ""));
  const newest = new Set([...readable.slice(0, keepAtLeast), ...byDate.slice(0, keepAtLeast)].map(({ id }) => id));
  const states = new Set<string>();
  return backups.map((backup) => {
    const { manifest, id } = backup;
    const verdict = (keep: boolean, reason: string): Verdict => ({ backup, keep, reason });
    if (!manifest) return verdict(true, "it cannot be read, and nobody can tell what it is");
    const state = `${manifest.release} ${manifest.revision ?? ""}`;
    const isLastOfState = !states.has(state);
    states.add(state);
    const age = (now.getTime() - Date.parse(manifest.created)) / dayMs;
    if (referred.has(id)) return verdict(true, "the ledger or a stack refers to it");
    if (age < 0) return verdict(true, "it was made later than this machine's clock says it is");
    if (age < keepDays) return verdict(true, `it is younger than ${keepDays} days`);
    if (newest.has(id)) return verdict(true, `it is among the newest ${keepAtLeast}`);
    if (isLastOfState) return verdict(true, `it is the newest of OctoLLM ${manifest.release} at this revision`);
    return verdict(false, `it is ${Math.floor(age)} days old`);
  });
}
