import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A request on its way to the service, and its answer on its way back. */
export interface Passing {
  readonly method: string;
  readonly path: string;
  /** How many of this method and path there have been, this one included. */
  readonly count: number;
  body: string;
}

/** What becomes of an answer: another status or body in its place, later than it came. */
export interface Tampered {
  readonly status?: number;
  readonly body?: (body: string) => string;
  readonly milliseconds?: number;
}

/** Stands before a real service as its port, and spoils what it is told to spoil. */
export class Tampering {
  /** May change the request's body; nothing is changed unless it says so. */
  tamper: (passing: Passing) => Tampered | undefined = () => undefined;
  /** Method and path of all requests, in order. */
  readonly requests: string[] = [];
  readonly #server: Server;
  readonly #target: number;

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = target;
  }

  /** @param target - port of the service */
  static async before(target: number): Promise<Tampering> {
    const made: { self?: Tampering } = {};
    const server = createServer((request, response) => void made.self?.pass(request, response));
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    return (made.self = new Tampering(server, target));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  private async pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url: path = "" } = request;
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    this.requests.push(`${method} ${path}`);
    const count = this.requests.filter((known) => known === `${method} ${path}`).length;
    const passing = { method, path, count, body: Buffer.concat(pieces).toString("utf8") };
    const { status, body, milliseconds } = this.tamper(passing) ?? {};
    const answer = await fetch(`http://127.0.0.1:${this.#target}${path}`, {
      method,
      headers: { "content-type": "application/json" },
      ...(passing.body === "" ? {} : { body: passing.body }),
    });
    const text = await answer.text();
    if (milliseconds !== undefined) await sleep(milliseconds);
    response.writeHead(status ?? answer.status, { "content-type": "application/json" });
    response.end(body?.(text) ?? text);
  }
}
