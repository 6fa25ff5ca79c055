import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

/** Where a service is missed. */
export interface MissedPort {
  /** Address of this host that the port was published on. */
  readonly address: string;
  readonly port: number;
}

const text = "OctoLLM is being upgraded. It will be back soon.";
const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>OctoLLM is being upgraded</title>
<style>body { font: 1.1rem/1.5 system-ui; margin: 20vh auto; max-width: 30rem; padding: 0 1rem; color-scheme: light dark }</style>
<h1>OctoLLM is being upgraded</h1>
<p>It will be back soon; nothing of yours is lost.</p>
</html>
`;

/**
 * Answers in the place of services while they are stopped: 503, with the time after which to ask again. It lives in this
 * process, and ends with it however it ends, so that a port is never held by what was forgotten.
 */
export class Maintenance {
  readonly #retryAfterSeconds: number;
  readonly #servers = new Map<number, Server>();

  /** @param retryAfterSeconds - what clients are told in Retry-After */
  constructor(retryAfterSeconds: number) {
    this.#retryAfterSeconds = retryAfterSeconds;
  }

  /** Begins to answer on a port. @throws when it cannot be had: nobody misses an answer more than the upgrade itself */
  async open({ address, port }: MissedPort): Promise<void> {
    if (this.#servers.has(port)) return;
    const server = createServer((request, response) => this.#answer(request, response));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, address, resolve);
    });
    this.#servers.set(port, server);
  }

  /** Gives a port back; resolves once nothing listens on it any more. */
  async close(port: number): Promise<void> {
    const server = this.#servers.get(port);
    if (!server) return;
    this.#servers.delete(port);
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  /** Gives all ports back. */
  async closeAll(): Promise<void> {
    for (const port of this.#servers.keys()) await this.close(port);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const seconds = this.#retryAfterSeconds;
    const wantsPage = request.headers.accept?.includes("text/html") === true;
    response.writeHead(503, {
      "Retry-After": String(seconds),
      "Content-Type": wantsPage ? "text/html; charset=utf-8" : "application/json",
      "Cache-Control": "no-store",
      Connection: "close",
    });
    response.end(wantsPage ? page : `${JSON.stringify({ detail: text, retry_after: seconds })}\n`);
    request.resume();
  }
}
