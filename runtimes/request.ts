import { request as open } from "node:http";

/** What came back from a service. */
export interface Answer {
  /** Null when nothing that speaks HTTP answered. */
  readonly status: number | null;
  /** As much of it as is of use; empty when nothing answered. */
  readonly body: string;
  /** `answered 503`, `refused the connection`: for sentences that begin with the service. */
  readonly text: string;
  /** Until the whole answer was there. */
  readonly milliseconds: number;
}

export interface RequestOptions {
  /** GET unless given. */
  readonly method?: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** How long to wait for the whole answer; 2 s unless given. */
  readonly timeoutMs?: number;
}

const largestAnswer = 1024 * 1024;

/**
 * Asks a service, over a connection of its own that is closed again: one that was kept open could keep a service from
 * stopping. Redirects are not followed. Never fails.
 *
 * @param url - http
 */
export async function request(url: string, options: RequestOptions = {}): Promise<Answer> {
  const { method = "GET", body, timeoutMs = 2_000 } = options;
  const content = body === undefined ? "" : JSON.stringify(body);
  const headers =
    content === "" ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(content) };
  const begun = performance.now();
  return new Promise((resolve) => {
    const finish = (answer: Omit<Answer, "milliseconds">) => {
      clearTimeout(timer);
      resolve({ ...answer, milliseconds: performance.now() - begun });
    };
    const sent = open(url, { method, headers, agent: false }, (response) => {
      const status = response.statusCode ?? 0;
      const pieces: Buffer[] = [];
      let size = 0;
      const end = () => {
        finish({ status, body: Buffer.concat(pieces).toString("utf8"), text: `answered ${status}` });
        sent.destroy();
      };
      response.on("data", (piece: Buffer) => {
        pieces.push(piece);
        size += piece.length;
        if (size > largestAnswer) end();
      });
      response.on("end", end);
      response.on("error", end);
    });
    const timer = setTimeout(() => sent.destroy(Object.assign(new Error(), { code: "ETIMEDOUT" })), timeoutMs);
    sent.on("error", (fault) => finish({ status: null, body: "", text: describeFailure(fault) }));
    sent.end(content);
  });
}

function describeFailure(fault: NodeJS.ErrnoException): string {
  const known: Record<string, string> = {
    ECONNREFUSED: "refused the connection",
    ECONNRESET: "closed the connection without an answer",
    ETIMEDOUT: "took the connection and did not answer in time",
  };
  return known[fault.code ?? ""] ?? (fault.code?.startsWith("HPE_") ? "does not speak HTTP" : "did not answer");
}
