import { get } from "node:http";

/** What came back from a service's health path. */
export interface HealthAnswer {
  /** Null when nothing that speaks HTTP answered. */
  readonly status: number | null;
  /** `version` of a JSON answer. */
  readonly version: string | null;
  /** `answered 503`, `refused the connection`: for sentences that begin with the service. */
  readonly text: string;
}

const largestAnswer = 64 * 1024;

function failure(fault: NodeJS.ErrnoException): HealthAnswer {
  const known: Record<string, string> = {
    ECONNREFUSED: "refused the connection",
    ECONNRESET: "closed the connection without an answer",
    ETIMEDOUT: "took the connection and did not answer in time",
  };
  const text = known[fault.code ?? ""] ?? (fault.code?.startsWith("HPE_") ? "does not speak HTTP" : "did not answer");
  return { status: null, version: null, text };
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
 * Asks a service on 127.0.0.1 how it is. Never fails.
 *
 * @param path - the health path, with its leading slash
 * @param milliseconds - how long to wait for the whole answer
 */
export async function askHealth(port: number, path: string, milliseconds = 2_000): Promise<HealthAnswer> {
  return new Promise((resolve) => {
    const request = get({ host: "127.0.0.1", port, path, agent: false }, (response) => {
      const status = response.statusCode ?? 0;
      let body = "";
      const finish = () => {
        clearTimeout(timer);
        resolve({ status, version: versionIn(body), text: `answered ${status}` });
        request.destroy();
      };
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
        if (body.length > largestAnswer) finish();
      });
      response.on("end", finish);
      response.on("error", finish);
    });
    const timer = setTimeout(() => request.destroy(Object.assign(new Error(), { code: "ETIMEDOUT" })), milliseconds);
    request.on("error", (fault) => {
      clearTimeout(timer);
      resolve(failure(fault));
    });
  });
}

/** Whether the answer is a healthy one. */
export function isHealthy({ status }: HealthAnswer): boolean {
  return status !== null && status >= 200 && status < 300;
}

/**
 * Whether this may be the service at all, well or unwell: a stranger on the same port would know no such path, and is
 * not ours to stop.
 */
export function mayBeTheService(answer: HealthAnswer): boolean {
  return isHealthy(answer) || (answer.status !== null && answer.status >= 500);
}
