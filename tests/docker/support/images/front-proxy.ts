import { lookup } from "node:dns/promises";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** How long a request is held while nobody takes it. */
const holdMs = 30_000;
const pauseMs = 50;

/** What came of handing a request on; `sent` says whether a service may have begun to work on it. */
type Outcome = { readonly done: true } | { readonly done: false; readonly sent: boolean; readonly reason: string };

/**
 * What an operator has before OctoLLM: asks the name server for each request, and holds one that nobody takes. What was sent
 * is sent again only where that changes nothing, so that no task is created twice.
 */
export function serveFront(target: string): void {
  const { hostname, port } = new URL(`http://${target}`);
  const server = createServer((incoming, outgoing) => {
    void handOn({ host: hostname, port: Number(port) }, incoming, outgoing);
  });
  server.listen(Number(process.env.PORT ?? 8000), "0.0.0.0");
}

interface Place {
  readonly host: string;
  readonly port: number;
}

async function handOn(place: Place, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const pieces: Buffer[] = [];
  for await (const piece of incoming as AsyncIterable<Buffer>) pieces.push(piece);
  const body = Buffer.concat(pieces);
  let reason = "";
  for (const end = Date.now() + holdMs; Date.now() < end; await sleep(pauseMs)) {
    // A dead address is followed by the next one at once.
    for (const address of await addressesOf(place.host)) {
      const outcome = await tryAt({ host: address, port: place.port }, incoming, body, outgoing);
      if (outcome.done) return;
      ({ reason } = outcome);
      const mayRepeat = !outcome.sent || incoming.method === "GET";
      if (!mayRepeat || outgoing.headersSent) return refuse(outgoing, reason);
      process.stdout.write(`${incoming.method} ${incoming.url}: ${address}: ${reason}, again\n`);
    }
  }
  refuse(outgoing, reason || "nobody has that name");
}

async function addressesOf(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true, family: 4 }).catch(() => []);
  return found.map(({ address }) => address);
}

function tryAt(place: Place, incoming: IncomingMessage, body: Buffer, outgoing: ServerResponse): Promise<Outcome> {
  const { method, url, headers } = incoming;
  return new Promise((resolve) => {
    let sent = false;
    const sending = request({ ...place, method, path: url, headers, agent: false, timeout: holdMs }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
      answer.on("error", () => outgoing.destroy());
      answer.on("close", () => resolve({ done: true }));
    });
    sending.on("socket", (socket) => {
      socket.once("connect", () => {
        sent = true;
        sending.end(body);
      });
      // An address that nobody has any more answers nothing at all.
      setTimeout(() => sent || sending.destroy(new Error("no connection")), 1_000).unref();
    });
    sending.on("error", (error: NodeJS.ErrnoException) => {
      resolve({ done: false, sent, reason: error.code ?? error.message });
    });
  });
}

function refuse(outgoing: ServerResponse, reason: string): void {
  process.stdout.write(`given up: ${reason}\n`);
  if (outgoing.headersSent) outgoing.destroy();
  else outgoing.writeHead(502, { "content-type": "application/json" }).end(JSON.stringify({ detail: reason }));
}
