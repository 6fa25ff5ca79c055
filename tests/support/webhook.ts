import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a webhook got. */
export interface Delivery {
  readonly method: string;
  readonly path: string;
  readonly type: string;
  readonly body: unknown;
}

/** A real HTTP server that takes messages, and answers as it is told. */
export class Webhook {
  readonly deliveries: Delivery[] = [];
  /** Requests that arrived, whether answered or not. */
  requests = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @param answer - 204 for everything unless given; one that answers nothing hangs */
  static async start(answer: (response: ServerResponse, request: number) => void = accept): Promise<Webhook> {
    const started: { hook?: Webhook } = {};
    const server = createServer((request, response) => void started.hook?.take(request, response, answer));
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    return (started.hook = new Webhook(server));
  }

  /** Address of one of its hooks, with a secret in its path as those of Slack and Discord have. */
  url(path = "/services/s3cr3t-h00k"): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  private async take(
    request: IncomingMessage,
    response: ServerResponse,
    answer: (response: ServerResponse, request: number) => void,
  ): Promise<void> {
    this.requests += 1;
    const count = this.requests;
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    this.deliveries.push({
      method: request.method ?? "",
      path: request.url ?? "",
      type: request.headers["content-type"] ?? "",
      body: JSON.parse(Buffer.concat(pieces).toString("utf8")),
    });
    answer(response, count);
  }
}

function accept(response: ServerResponse): void {
  response.writeHead(204).end();
}
