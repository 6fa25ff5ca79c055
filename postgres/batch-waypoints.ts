import { type Place, placesOf, type Range, type WalkKey } from "./batch-keys";
import type { Client } from "./connection";

/** How many keys a walk is laid out with at most. */
const mostPlaces = 20_000;

/**
 * Keys from all over the rows of a walk, in its order, so that a batch's end need not be looked for: in a table whose rows have
 * just been changed, stepping through the index would fetch every row once more. A small table's are all of its keys; of a
 * larger one they are a sample, and batches come out only about as large as asked for.
 */
export class Waypoints {
  readonly #places: readonly Place[];
  /** Rows that a place stands for. */
  readonly #weight: number;
  #next = 0;

  private constructor(places: readonly Place[], weight: number) {
    this.#places = places;
    this.#weight = weight;
  }

  /**
   * Lays out a walk.
   *
   * @param cursor - the last row that is done; null for none
   * @param rows - of the whole table, about; null when nobody knows
   * @param undoing - whether the rows up to the cursor are walked, the last ones first, instead of those after it
   */
  static async read(
    client: Client,
    key: WalkKey,
    { cursor, rows, undoing }: { cursor: Place | null; rows: number | null; undoing: boolean },
  ): Promise<Waypoints> {
    const percent = rows === null || rows <= mostPlaces ? 100 : (100 * mostPlaces) / rows;
    if (rows === null) return new Waypoints([], 1);
    const places = await placesOf(client, key, { cursor, percent, undoing });
    // Tables that inherit from one another may have the same key twice.
    const distinct = places.filter((place, index) => index === 0 || place.join("\0") !== places[index - 1]?.join("\0"));
    return new Waypoints(distinct, 100 / percent);
  }

  /**
   * The next range of about `size` rows, which `pass` has to leave behind once it is done.
   *
   * @param cursor - the last row that is done
   * @returns null when the places are used up or too far apart: then the rows themselves have to be asked
   */
  next(cursor: Place | null, size: number, undoing: boolean): { range: Range; rows: number; places: number } | null {
    if (size < this.#weight) return null;
    const places = Math.min(Math.floor(size / this.#weight), this.#places.length - this.#next);
    const place = this.#places[this.#next + places - 1];
    if (places < 1 || !place) return null;
    const rows = Math.round(places * this.#weight);
    if (!undoing) return { range: { after: cursor, to: place }, rows, places };
    if (!cursor) return null;
    // The place itself is done still: it becomes the new cursor.
    return { range: { after: place, to: cursor }, rows, places };
  }

  /** Leaves places behind; none: the batch ended elsewhere, so that nobody knows which place is next. */
  pass(places: number): void {
    this.#next = places === 0 ? this.#places.length : this.#next + places;
  }
}
