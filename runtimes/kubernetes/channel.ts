import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";

import WebSocket from "ws";

import type { ClusterPlace } from "../runtime";
import { connectionTo, messageIn } from "./client";
import { ClusterError, type Contacted, refusedError, unansweredError } from "./errors";

const openMilliseconds = 10_000;
/** Whatever is between may close a connection that is silent for long. */
const pingMilliseconds = 20_000;
const closeMilliseconds = 2_000;
/** The cluster's own limit for one message is larger; a stream must not take much memory. */
const largestMessage = 64 * 1024;
/** Bytes that may be on their way. */
const mostAhead = 512 * 1024;
const sentAhead = new WeakMap<WebSocket, number>();

/** A connection of numbered streams to a pod, as exec and port-forward have it. */
export interface Channels {
  /** Sends bytes of a stream; resolves when they are on their way, so that a writer does not run ahead. */
  send(stream: number, content: Buffer): Promise<void>;
  /** Reads no more until it is resumed. */
  pause(): void;
  resume(): void;
  close(): void;
  /** Does not keep the process alive any more. */
  unref(): void;
}

/** What comes over a connection. */
export interface ChannelEvents {
  readonly message: (stream: number, content: Buffer) => void;
  /** It has ended; with what went wrong, else null. */
  readonly closed: (fault: Error | null) => void;
}

export interface ChannelRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  /** Subprotocol, such as `v5.channel.k8s.io`. */
  readonly protocol: string;
}

/** Opens a connection to a pod. @throws ClusterError */
export async function openChannels(
  place: ClusterPlace,
  { path, query, protocol }: ChannelRequest,
  events: ChannelEvents,
): Promise<Channels> {
  const connection = await connectionTo(place);
  const url = `${connection.server.replace(/^http/, "ws")}${path}?${query.toString()}`;
  const socket = new WebSocket(url, [protocol], {
    ...connection.options,
    handshakeTimeout: openMilliseconds,
    perMessageDeflate: false,
    maxPayload: 64 * 1024 * 1024,
  });
  let transport: Socket | null = null;
  socket.once("upgrade", (response) => (transport = response.socket));
  // What comes right behind the handshake is taken, too.
  socket.on("message", (data, isBinary) => {
    const content = Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer);
    if (content.length > 0 && isBinary) events.message(content[0] ?? 0, content.subarray(1));
  });
  await opened(place, connection, socket);
  keepAlive(socket, events);
  return {
    send: (stream, content) => send(socket, stream, content),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close: () => close(socket),
    unref: () => transport?.unref(),
  };
}

async function opened(place: ClusterPlace, contacted: Contacted, socket: WebSocket): Promise<void> {
  const refusal = new Promise<never>((_, reject) => {
    socket.once("unexpected-response", (request, response: IncomingMessage) => {
      void readText(response).then((text) => {
        request.destroy();
        reject(refusedError(place, contacted, { status: response.statusCode ?? 0, message: messageIn(text) }));
      });
    });
    socket.once("error", (error) => reject(unansweredError(place, contacted, error)));
  });
  await Promise.race([once(socket, "open"), refusal]);
}

async function readText(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of response as AsyncIterable<Buffer>) pieces.push(piece);
  } catch {
    // What has come is enough.
  }
  return Buffer.concat(pieces).toString("utf8");
}

/** Asks again and again whether the other end is there; one that is silent is gone. */
function keepAlive(socket: WebSocket, events: ChannelEvents): void {
  let fault: Error | null = null;
  let asked = 0;
  const timer = setInterval(() => {
    asked += 1;
    // A reader that waits does not see the answers.
    if (socket.isPaused) asked = 0;
    if (asked <= 3) return socket.ping();
    fault = new ClusterError("The connection to the pod is lost: nothing answers any more.", null, { passes: true });
    socket.terminate();
  }, pingMilliseconds).unref();
  socket.on("pong", () => (asked = 0));
  socket.on("message", () => (asked = 0));
  socket.on("error", (error) => (fault ??= error));
  socket.once("close", (code, reason) => {
    clearInterval(timer);
    const broke = code !== 1000 && code !== 1005;
    if (broke)
      fault ??= new Error(
        `the connection to the pod broke off (${code}${reason.length > 0 ? `: ${reason.toString()}` : ""})`,
      );
    events.closed(fault);
  });
}

/** What was sent before still gets there; an end that does not answer is not waited for. */
function close(socket: WebSocket): void {
  socket.resume();
  socket.close();
  const timer = setTimeout(() => socket.terminate(), closeMilliseconds);
  socket.once("close", () => clearTimeout(timer));
}

async function send(socket: WebSocket, stream: number, content: Buffer): Promise<void> {
  for (let position = 0; position < content.length || position === 0; position += largestMessage) {
    const piece = content.subarray(position, position + largestMessage);
    await new Promise<void>((resolve, reject) => {
      socket.send(Buffer.concat([Buffer.of(stream), piece]), (error) => (error ? reject(error) : resolve()));
    });
    const ahead = (sentAhead.get(socket) ?? 0) + piece.length;
    sentAhead.set(socket, ahead > mostAhead ? 0 : ahead);
    if (ahead > mostAhead) await taken(socket);
  }
}

/**
 * Waits until the other end has taken what was sent. Much must not be on its way to a program that may have ended, or the
 * end itself does not get through.
 */
async function taken(socket: WebSocket): Promise<void> {
  if (socket.isPaused) return;
  socket.ping();
  await Promise.race([once(socket, "pong"), once(socket, "close")]);
}
