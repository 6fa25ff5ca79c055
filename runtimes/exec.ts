import type { Readable, Writable } from "node:stream";

/** What a program is fed with, and where it writes to. */
export interface ExecStreams {
  /** Fed to its standard input, which is closed at its end; what the program leaves unread is no error. */
  readonly input: Readable;
  readonly output: Writable;
  readonly errors: Writable;
}

/** A place in which programs can be run, such as a container: what `docker exec -i` and `kubectl exec -i` do. */
export interface ExecPlace {
  /** For people: `container 'octollm-postgres'`. */
  readonly name: string;
  /**
   * Runs a program there to its end, as the place's own user. The streams are ended when it resolves or rejects.
   *
   * @param argv - program and arguments; whoever may ask the place's engine can read them
   * @param signal - lets go of the program, which itself may well go on
   * @returns its exit code; null when nobody knows it
   * @throws when the place is not there, or is lost meanwhile; the signal's reason
   */
  exec(argv: readonly string[], streams: ExecStreams, signal: AbortSignal): Promise<number | null>;
}
