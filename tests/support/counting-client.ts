import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

export interface ClientOptions {
  /** Time between the starts of two requests, in ms; 50 unless given. A slow answer does not hold up the next request. */
  readonly every?: number;
  /** After how many ms without an answer a request has failed; 5,000 unless given. */
  readonly timeout?: number;
  /** Sent as JSON by POST. Without it the request is a GET. */
  readonly body?: object;
  /**
   * Whether connections are used again, as by a client that sends many requests; else each request has one of its own. As with
   * every such client, a GET whose connection turns out to have been closed meanwhile is sent once more.
   */
  readonly keepAlive?: boolean;
}

/** One request that was not answered with a status below 400. */
export interface FailedRequest {
  /** When it was sent, in ms since the client started. */
  readonly at: number;
  /** The error's code, such as ECONNREFUSED, or the status. */
  readonly reason: string;
}

/** What became of a client's requests. */
export interface Count {
  readonly sent: number;
  readonly answered: number;
  readonly failed: readonly FailedRequest[];
  /** Longest time from the last answer before a failure to the next answer, in ms; 0 without a failure, Infinity without that answer. */
  readonly downtime: number;
  /** Longest time that an answer took, in ms. */
  readonly slowest: number;
  /** Requests that were sent once more, since a connection that was used again had been closed. */
  readonly resent: number;
  /** Ids of what was created, for proofs that nothing of it was lost. */
  readonly created: readonly string[];
}

interface Answer {
  readonly sent: number;
  readonly ended: number;
  readonly failure: string | null;
  readonly id: string | undefined;
  readonly resent: boolean;
}

/** Sends one request after the other, whether or not earlier ones have been answered, and counts every one. */
export class CountingClient {
  readonly #url: string;
  readonly #options: ClientOptions;
  readonly #agent: Agent | false;
  readonly #answers: Promise<Answer>[] = [];
  readonly #began = performance.now();
  readonly #loop: Promise<void>;
  #stopped = false;

  constructor(url: string, options: ClientOptions = {}) {
    this.#url = url;
    this.#options = options;
    this.#agent = options.keepAlive ? new Agent({ keepAlive: true }) : false;
    this.#loop = this.#run();
  }

  /** Stops, waits for answers that are under way, and counts. */
  async stop(): Promise<Count> {
    this.#stopped = true;
    await this.#loop;
    const answers = await Promise.all(this.#answers);
    if (this.#agent) this.#agent.destroy();
    const failed = answers.filter(({ failure }) => failure !== null);
    const answered = answers.filter(({ failure }) => failure === null).toSorted((a, b) => a.ended - b.ended);
    return {
      sent: answers.length,
      answered: answered.length,
      failed: failed.map(({ sent, failure }) => ({ at: Math.round(sent), reason: failure ?? "" })),
      downtime: Math.max(0, ...failed.map((one) => gapAround(one, answered))),
      resent: answers.filter(({ resent }) => resent).length,
      slowest: Math.round(Math.max(0, ...answered.map(({ sent, ended }) => ended - sent))),
      created: answered.flatMap(({ id }) => (id === undefined ? [] : [id])),
    };
  }

  async #run(): Promise<void> {
    const { every = 50 } = this.#options;
    for (let next = this.#began; !this.#stopped; next += every) {
      await sleep(Math.max(0, next - performance.now()));
      this.#answers.push(this.#send());
    }
  }

  async #send(): Promise<Answer> {
    const sent = performance.now() - this.#began;
    const outcome = await send(this.#url, this.#options, this.#agent);
    return { sent, ended: performance.now() - this.#began, ...outcome };
  }
}

/** From the last answer before a failed request was sent to the first answer after it. */
function gapAround({ sent }: Answer, answered: readonly Answer[]): number {
  const before = answered.findLast(({ ended }) => ended <= sent)?.ended ?? 0;
  const after = answered.find((one) => one.ended > sent && one.sent >= sent)?.ended ?? Infinity;
  return Math.round(after - before);
}

type Outcome = Pick<Answer, "failure" | "id" | "resent">;

async function send(url: string, options: ClientOptions, agent: Agent | false, resent = false): Promise<Outcome> {
  const { timeout = 5_000, body } = options;
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers =
    text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
  return new Promise((resolve) => {
    const failed = (reason: string) => resolve({ failure: reason, id: undefined, resent });
    const signal = AbortSignal.timeout(timeout);
    const method = text === undefined ? "GET" : "POST";
    const sending = request(url, { method, headers, agent, signal }, (response) => {
      let received = "";
      response.on("data", (piece: Buffer) => (received += piece.toString()));
      response.on("error", (error: NodeJS.ErrnoException) => failed(reasonOf(error)));
      response.on("end", () => {
        const { statusCode = 0 } = response;
        if (statusCode >= 400) failed(String(statusCode));
        else resolve({ failure: null, id: method === "POST" ? idOf(received) : undefined, resent });
      });
    });
    sending.on("error", (error: NodeJS.ErrnoException) => {
      const wasClosed = sending.reusedSocket && error.code === "ECONNRESET";
      if (wasClosed && method === "GET" && !resent) resolve(send(url, options, false, true));
      else failed(reasonOf(error));
    });
    sending.end(text);
  });
}

const reasonOf = (error: NodeJS.ErrnoException): string =>
  error.name === "AbortError" || error.name === "TimeoutError" ? "TIMEOUT" : (error.code ?? error.message);

function idOf(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { id?: string }).id;
  } catch {
    return undefined;
  }
}
