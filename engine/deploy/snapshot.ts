import type { PendingOperation, ResourceState } from "../state/resource";

/** Writes a state; returns when it is on the disk. */
export type StateWriter = (resources: ResourceState[], pending: PendingOperation[]) => Promise<void>;

interface BaseEntry {
  /** What it was at the start: by this it is known to whoever changes it. */
  readonly origin: ResourceState;
  state: ResourceState;
  done: boolean;
}

/**
 * The state while it changes: what this run has registered, in order of completion, then what is left of the old state.
 * Every change is on the disk before the program hears of it.
 */
export class Snapshot {
  #base: BaseEntry[];
  readonly #news: ResourceState[] = [];
  readonly #operations = new Set<PendingOperation>();
  readonly #carried: PendingOperation[];
  readonly #write: StateWriter | undefined;
  #writing: Promise<void> = Promise.resolve();
  #queued: Promise<void> | undefined;
  #dirty = false;

  /** Without a writer (in a preview) nothing is written. */
  constructor(base: readonly ResourceState[], pending: readonly PendingOperation[], write: StateWriter | undefined) {
    this.#base = base.map((state) => ({ origin: state, state, done: false }));
    // Whether an interrupted creation left something behind only its operator can tell; the others are decided anew.
    this.#carried = pending.filter(({ type }) => type === "creating");
    this.#write = write;
  }

  /** Other old states than those of the start (a refresh found them); written with the next write, or at the end. */
  rebase(base: readonly ResourceState[]): void {
    this.#base = base.map((state) => ({ origin: state, state, done: false }));
    this.#dirty = true;
  }

  get resources(): ResourceState[] {
    return [...this.#news, ...this.#base.filter(({ done }) => !done).map(({ state }) => state)];
  }

  get pending(): PendingOperation[] {
    return [...this.#carried, ...this.#operations];
  }

  /** Remembers that an operation has begun, before it does. */
  async begin(operation: PendingOperation): Promise<PendingOperation> {
    this.#operations.add(operation);
    await this.save();
    return operation;
  }

  end(operation: PendingOperation | undefined): void {
    if (operation) this.#operations.delete(operation);
    this.#dirty = true;
  }

  /** A resource has reached its new state; the old one is gone. */
  add(state: ResourceState, old?: ResourceState): void {
    this.#news.push(state);
    if (old) this.remove(old);
    this.#dirty = true;
  }

  /** A registered resource changes once more (outputs of components). */
  replaceNew(old: ResourceState, state: ResourceState): void {
    const index = this.#news.indexOf(old);
    if (index >= 0) this.#news[index] = state;
    this.#dirty = true;
  }

  /** An old resource stays, in another state. */
  replaceOld(old: ResourceState, state: ResourceState): void {
    const entry = this.#find(old);
    if (entry) entry.state = state;
    this.#dirty = true;
  }

  /** An old resource is gone from the state. */
  remove(old: ResourceState): void {
    const entry = this.#find(old);
    if (entry) entry.done = true;
    this.#dirty = true;
  }

  #find(old: ResourceState): BaseEntry | undefined {
    return this.#base.find(({ origin, state }) => origin === old || state === old);
  }

  /** The change can wait for the next write, or for the end. */
  get dirty(): boolean {
    return this.#dirty;
  }

  /** Writes the state as it is now. Calls that come while a write is under way share the next one. */
  save(): Promise<void> {
    const write = this.#write;
    if (!write) return Promise.resolve();
    this.#queued ??= this.#writing
      .catch(() => undefined)
      .then(() => {
        this.#queued = undefined;
        this.#dirty = false;
        this.#writing = write(this.resources, this.pending);
        return this.#writing;
      });
    return this.#queued;
  }
}
