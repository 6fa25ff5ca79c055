import { serviceUrl } from "./address";
import { type Answer, request } from "./request";

/** What came back from a service's health path. */
export interface HealthAnswer extends Pick<Answer, "status" | "text"> {
  /** `version` of a JSON answer. */
  readonly version: string | null;
}

function versionIn(body: string): string | null {
  try {
    const answer: unknown = JSON.parse(body);
    if (typeof answer !== "object" || answer === null || !("version" in answer)) return null;
    return typeof answer.version === "string" ? answer.version : null;
  } catch {
    return null;
  }
}

/**
 * Asks a service of this machine how it is. Never fails.
 *
 * @param path - the health path, with its leading slash
 * @param timeoutMs - how long to wait for the whole answer
 */
export function askHealth(port: number, path: string, timeoutMs?: number): Promise<HealthAnswer> {
  return askHealthAt(serviceUrl({ port }, path), timeoutMs);
}

/** The same of a service wherever it is. */
export async function askHealthAt(url: string, timeoutMs = 2_000): Promise<HealthAnswer> {
  const { status, text, body } = await request(url, { timeoutMs });
  return { status, text, version: versionIn(body) };
}

/** Whether the answer is a healthy one. */
export function isHealthy({ status }: Pick<HealthAnswer, "status">): boolean {
  return status !== null && status >= 200 && status < 300;
}

/**
 * Whether this may be the service at all, well or unwell: a stranger on the same port would know no such path, and is
 * not ours to stop.
 */
export function mayBeTheService(answer: HealthAnswer): boolean {
  return isHealthy(answer) || (answer.status !== null && answer.status >= 500);
}
