/** Limits of a batch, in rows. */
const smallest = 1;
const largest = 1_000_000;

/**
 * How many rows the next batch takes, so that it lasts about as long as it should. It grows at most twofold at once, and a
 * batch that timed out is split.
 */
export class BatchSize {
  rows: number;
  readonly #targetMs: number;

  constructor({ first, targetMs }: { readonly first: number; readonly targetMs: number }) {
    this.rows = first;
    this.#targetMs = targetMs;
  }

  /** Learns from a batch that was done. */
  learn({ rows, milliseconds }: { readonly rows: number; readonly milliseconds: number }): void {
    // A batch is only about as large as asked for; the last rows of a table say little about a whole one.
    if (rows < this.rows / 2) return;
    const wanted = rows * Math.min(2, Math.max(0.5, this.#targetMs / Math.max(milliseconds, 1)));
    this.rows = Math.round(Math.min(largest, Math.max(smallest, wanted)));
  }

  /** Halves it after a timeout. @returns false when it cannot be less */
  split(): boolean {
    if (this.rows <= smallest) return false;
    this.rows = Math.max(smallest, Math.floor(this.rows / 2));
    return true;
  }
}
