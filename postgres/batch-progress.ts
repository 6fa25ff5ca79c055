/** Share of the newest batch in the smoothed rate. */
const weight = 0.2;

/** How far batches have come: rows, rate and time left. */
export class BatchProgress {
  #rows: number;
  #rate = 0;
  #reported = Number.NEGATIVE_INFINITY;
  readonly #total: number | null;
  readonly #everyMs: number;

  /**
   * @param done - rows that are done already
   * @param total - of how many; null when nobody knows
   * @param everyMs - least time between two lines
   */
  constructor({ done, total, everyMs }: { done: number; total: number | null; everyMs: number }) {
    this.#rows = done;
    this.#total = total;
    this.#everyMs = everyMs;
  }

  /** Adds a batch. @param rows - negative when it was undone */
  add(rows: number, milliseconds: number): void {
    this.#rows += rows;
    const rate = (Math.abs(rows) * 1000) / Math.max(milliseconds, 1);
    this.#rate = this.#rate === 0 ? rate : this.#rate * (1 - weight) + rate * weight;
  }

  /** Seconds that are left at this rate; null when nobody knows. @param undoing - whether the rows done become fewer */
  secondsLeft(undoing: boolean): number | null {
    if (this.#rate === 0) return null;
    if (undoing) return Math.max(this.#rows, 0) / this.#rate;
    return this.#total === null ? null : Math.max(this.#total - this.#rows, 0) / this.#rate;
  }

  /** A line to show, or null when the last one was shown just now. */
  line(undoing: boolean, now = Date.now()): string | null {
    if (now - this.#reported < this.#everyMs) return null;
    this.#reported = now;
    const left = this.secondsLeft(undoing);
    const of = this.#total === null || undoing ? "" : ` of ${count(this.#total)}`;
    const rows = `${count(this.#rows)}${of} rows ${undoing ? "still to be undone" : "done"}`;
    return `${rows}, ${count(this.#rate)} rows/s${left === null ? "" : `, about ${Math.ceil(left)} s left`}`;
  }
}

function count(value: number): string {
  return Math.max(0, Math.round(value)).toLocaleString("en");
}
