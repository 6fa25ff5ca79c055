/** What the catalogue of a database says of a table that a revision may change in batches. */
export interface TableFacts {
  /** The table as the migration names it. */
  readonly relation: string;
  /** Columns of the key in whose order its rows can be taken; null when it has none. */
  readonly key: readonly string[] | null;
  readonly dependents: readonly Dependent[];
}

/** Something that a way of changing the table's rows would meet. */
export interface Dependent {
  /** The column that it is about; null for the whole table. */
  readonly column: string | null;
  /**
   * `forbids-rewrite`: ALTER COLUMN TYPE would fail; `misses-rewrite`: it would go on, and somebody would not get to know;
   * `forbids-batches`: UPDATE would not reach every row, or something else.
   */
  readonly effect: "forbids-rewrite" | "misses-rewrite" | "forbids-batches";
  /** Such as `view task_overview reads tasks.priority`. */
  readonly text: string;
}
