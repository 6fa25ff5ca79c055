import { hostname } from "node:os";

import type { Attempt } from "../phases/attempt";
import { PhaseError, withLedger } from "../phases/attempt";
import type { Successor } from "../phases/containers";
import type { Manifests } from "../phases/deployments";
import { Announcer } from "../phases/telling";
import type { DatabaseAddress } from "../postgres/connection";
import { isDamage } from "../postgres/damage";
import { readLedger } from "../postgres/ledger";
import {
  acquireServerLock,
  acquireUpgradeLock,
  type LockHolder,
  retakeUpgradeLock,
  type UpgradeLock,
} from "../postgres/lock";

/** An attempt whose every phase is done. */
export interface CompletedAttempt {
  readonly number: number;
  /** Folder of its backup; null when it made none. */
  readonly backup: string | null;
}

/**
 * What one provider process holds: the upgrade lock from the first mutating call to its end, and the attempt that
 * Preflight opened. A phase without an attempt of this very process is refused, so that targeting, tainting or replacing
 * a single resource cannot skip a gate.
 */
export class Session {
  readonly #cancel = new AbortController();
  #lock: UpgradeLock | null = null;
  #isServerLock = false;
  #locked: DatabaseAddress | null = null;
  #holder: LockHolder = { stack: "" };
  #attempt: Attempt | null = null;
  /** Secret: the URL of the setting `databaseUrl`, empty when `.env` has it. */
  databaseUrl = "";
  isAbandoned = false;
  /** The webhooks that are told; their URLs are secrets. */
  announcer = new Announcer([]);
  /** What the containers to be declared would be made of, as Preflight foresees it; by service. */
  successors: Readonly<Record<string, Successor>> = {};
  /** The objects of a cluster that are to be declared, as Preflight foresees them; null where there are none. */
  manifests: Manifests | null = null;
  /** The attempt that was complete last when Preflight looked, in this run or before. */
  completed: CompletedAttempt | null = null;

  /** Ends all that is under way. */
  cancel(reason: string): void {
    this.#cancel.abort(new PhaseError(reason));
  }

  /** As a cancellation, when nobody is left to be told: nothing is brought back, the next run does that. */
  abandon(reason: string): void {
    this.isAbandoned = true;
    this.cancel(reason);
  }

  /** Aborted by a cancellation, or when the lock is lost. */
  get signal(): AbortSignal {
    return this.#lock ? AbortSignal.any([this.#cancel.signal, this.#lock.lost]) : this.#cancel.signal;
  }

  /**
   * Takes the lock unless this process holds it already.
   *
   * @param mayBeDamaged - whether a backup is to be restored: then the server's lock does for a database that cannot be read
   */
  async lock(address: DatabaseAddress, stack: string, mayBeDamaged = false): Promise<void> {
    if (this.#lock) return;
    const holder = { stack, host: hostname(), pid: process.pid };
    [this.#holder, this.#locked] = [holder, address];
    try {
      this.#lock = await acquireUpgradeLock(address, { holder });
    } catch (error) {
      if (!mayBeDamaged || !isDamage(error)) throw error;
      this.#lock = await acquireServerLock(address, { holder });
      this.#isServerLock = true;
    }
  }

  /** Runs work during which no session may be on the database: the server's lock stands in for the database's own. */
  async withoutLock<T>(work: () => Promise<T>): Promise<T> {
    const own = this.#lock;
    const [address, holder] = [this.#locked, this.#holder];
    if (!own || !address) throw new PhaseError("The upgrade lock is not held.");
    const server = this.#isServerLock ? own : await acquireServerLock(address, { holder });
    if (server !== own) await own.release();
    try {
      return await work();
    } finally {
      this.#lock = await acquireUpgradeLock(address, { holder }).catch(instead(server));
      this.#isServerLock = this.#lock === server;
      if (!this.#isServerLock) await server.release();
    }
  }

  /**
   * For what brings the old release back: it must outlive a Ctrl-C, and it needs the lock. One that was lost, because the
   * connection broke or the server was restarted, is taken again, unless somebody else has gone on meanwhile.
   *
   * @returns aborted when the lock is lost and cannot be had again
   */
  async signalForWayBack(attempt: Attempt, progress: (line: string) => void): Promise<AbortSignal> {
    if (this.#lock === null) return new AbortController().signal;
    if (!this.#lock.lost.aborted) return this.#lock.lost;
    try {
      this.#lock = await retakeUpgradeLock(attempt.address, { holder: this.#holder, lost: this.#lock, progress });
      const { openAttempt } = await withLedger(attempt, readLedger);
      if (openAttempt?.attempt === attempt.number) return this.#lock.lost;
      throw new PhaseError(`Attempt ${attempt.number} is not open any more: another run has taken over.`);
    } catch (error) {
      return AbortSignal.abort(error);
    }
  }

  open(attempt: Attempt): void {
    this.#attempt = attempt;
  }

  /** Ends the attempt; later phases are refused. @returns the one that was open */
  close(): Attempt | null {
    const attempt = this.#attempt;
    this.#attempt = null;
    return attempt;
  }

  /**
   * The open attempt with that number.
   *
   * @throws PhaseError when this run has not opened it
   */
  attempt(number: number): Attempt {
    if (this.#attempt?.number === number) return this.#attempt;
    this.#cancel.signal.throwIfAborted();
    throw new PhaseError(
      `Attempt ${number} is not under way: a phase runs only after Preflight in the same run. Nothing was touched. ` +
        `Run the whole stack, without --target and --replace: npx octollm up`,
    );
  }

  async release(): Promise<void> {
    await this.#lock?.release();
    this.#lock = null;
  }
}

/** A database that cannot be read yet has no lock to give. */
function instead(server: UpgradeLock): (error: unknown) => UpgradeLock {
  return (error) => {
    if (!isDamage(error)) throw error;
    return server;
  };
}
