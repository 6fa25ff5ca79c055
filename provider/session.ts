import { hostname } from "node:os";

import type { Attempt } from "../phases/attempt";
import { PhaseError } from "../phases/attempt";
import type { DatabaseAddress } from "../postgres/connection";
import { isDamage } from "../postgres/damage";
import { acquireServerLock, acquireUpgradeLock, type LockHolder, type UpgradeLock } from "../postgres/lock";

/**
 * What one provider process holds: the upgrade lock from the first mutating call to its end, and the attempt that
 * Preflight opened. A phase without an attempt of this very process is refused, so that targeting, tainting or replacing
 * a single resource cannot skip a gate.
 */
export class Session {
  readonly #cancel = new AbortController();
  #lock: UpgradeLock | null = null;
  #isServerLock = false;
  #locked: { readonly address: DatabaseAddress; readonly holder: LockHolder } | null = null;
  #attempt: Attempt | null = null;
  /** Secret: the URL of the setting `databaseUrl`, empty when `.env` has it. */
  databaseUrl = "";
  isAbandoned = false;

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

  /** Aborted only when the lock is lost: what brings the old release back must outlive a Ctrl-C. */
  get settlingSignal(): AbortSignal {
    return this.#lock?.lost ?? new AbortController().signal;
  }

  /**
   * Takes the lock unless this process holds it already.
   *
   * @param mayBeDamaged - whether a backup is to be restored: then the server's lock does for a database that cannot be read
   */
  async lock(address: DatabaseAddress, stack: string, mayBeDamaged = false): Promise<void> {
    if (this.#lock) return;
    const holder = { stack, host: hostname(), pid: process.pid };
    this.#locked = { address, holder };
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
    if (!own || !this.#locked) throw new PhaseError("The upgrade lock is not held.");
    const { address, holder } = this.#locked;
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

  open(attempt: Attempt): void {
    this.#attempt = attempt;
  }

  /** Ends the attempt; later phases are refused. */
  close(): void {
    this.#attempt = null;
  }

  /**
   * The open attempt with that number.
   *
   * @throws PhaseError when this run has not opened it
   */
  attempt(number: number): Attempt {
    if (this.#attempt?.number === number) return this.#attempt;
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
