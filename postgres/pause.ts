import { setTimeout as sleep } from "node:timers/promises";

/** Waits; rejects with the signal's reason as soon as it aborts. */
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, signal ? { signal } : {});
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/** Milliseconds before try `attempt` (from 1): grows by half each time up to ten seconds, give or take a third. */
export function backoff(attempt: number): number {
  const base = Math.min(10_000, 500 * 1.5 ** (attempt - 1));
  return base * (2 / 3 + Math.random() * (2 / 3));
}
