import { setTimeout as sleep } from "node:timers/promises";

import { bodyOf, type Message, type NotifyEvent, type NotifyFormat } from "./message";

/** One webhook of the settings. */
export interface NotifyTarget {
  /** Secret: whoever knows it can write there. */
  readonly url: string;
  readonly format: NotifyFormat;
  readonly events: readonly NotifyEvent[];
}

const timeoutMs = 2_500;
const pauseMs = 500;

/**
 * Sends a message to one webhook; what may pass by itself is tried once more.
 *
 * @returns why it was not delivered, without the URL; null when it was
 */
export async function send({ url, format }: NotifyTarget, message: Message): Promise<string | null> {
  const body = JSON.stringify(bodyOf(format, message));
  const first = await post(url, body);
  if (first === null || !first.passes) return first?.fault ?? null;
  await sleep(pauseMs);
  const second = await post(url, body);
  return second === null ? null : `${second.fault} (tried twice)`;
}

interface Fault {
  readonly fault: string;
  /** Whether it may have passed a moment later. */
  readonly passes: boolean;
}

async function post(url: string, body: string): Promise<Fault | null> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", "user-agent": "octollm-upgrade" },
      body,
      // A redirect would hand the message to an address that nobody has set.
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    await response.body?.cancel();
    if (response.ok) return null;
    const { status } = response;
    const redirects = status >= 300 && status < 400 ? ", and redirects are not followed" : "";
    return { fault: `it answered ${status}${redirects}`, passes: status >= 500 || status === 429 };
  } catch (error) {
    return { fault: describe(error), passes: true };
  }
}

/** Only codes: the texts of network errors may name the address. */
function describe(error: unknown): string {
  if (error instanceof Error && error.name === "TimeoutError") return `no answer within ${timeoutMs / 1000} s`;
  const { code } = ((error as Error).cause ?? {}) as { code?: unknown };
  return `it cannot be reached (${typeof code === "string" ? code : "no connection"})`;
}
