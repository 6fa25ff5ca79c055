import { breakConnection, type Client } from "../../postgres/connection";

/** Runs a COPY; whatever ends it early ends its session as well, which would wait for its rest for ever. */
export async function copying(client: Client, signal: AbortSignal, copy: () => Promise<void>): Promise<void> {
  signal.throwIfAborted();
  const giveUp = () => breakConnection(client);
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    await copy();
  } catch (error) {
    giveUp();
    throw error;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

/**
 * Works off a queue with so many workers at once, each with what it needs. The first failure ends the others.
 *
 * @param worker - gets what to take the next piece from, undefined when there is none, and what ends it early
 * @throws the first failure, once every worker has ended
 */
export async function workOff<Piece>(
  pieces: readonly Piece[],
  { workers, signal }: { readonly workers: number; readonly signal: AbortSignal },
  worker: (next: () => Piece | undefined, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const queue = [...pieces];
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const next = () => (either.aborted ? undefined : queue.shift());
  const running = Array.from({ length: Math.min(workers, pieces.length) }, () =>
    worker(next, either).catch((error: unknown) => {
      if (!failed.signal.aborted) failed.abort(error);
    }),
  );
  await Promise.all(running);
  signal.throwIfAborted();
  failed.signal.throwIfAborted();
}
