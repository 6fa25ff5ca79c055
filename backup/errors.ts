/** A backup could not be made, or is not what it should be. The database is never changed by either. */
export class BackupError extends Error {
  /** Each fault found, when a backup was verified. */
  readonly faults: readonly string[];

  constructor(message: string, { faults = [], cause }: { faults?: readonly string[]; cause?: unknown } = {}) {
    super(message, { cause });
    this.name = "BackupError";
    this.faults = faults;
  }
}
