import { request as httpRequest } from "node:http";
import { Agent, request as httpsRequest, type RequestOptions } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";

import type { ClusterPlace } from "../runtime";
import { ClusterError, type Contacted, refusedError, unansweredError } from "./errors";
import { chooseConfig, type ChosenConfig } from "./kubeconfig";
import { fieldManager } from "./labels";

/** A silent server must not hold up a preview. */
const answerMilliseconds = 10_000;
/** How long a server that has answered before is given to come back: it may just be restarted. */
const patienceMilliseconds = 30_000;
const largestAnswer = 256 * 1024 * 1024;

/** One request. Paths begin with `/api` or `/apis`; objects are plain JSON, so that nothing a newer server knows is lost. */
export interface ClusterRequest {
  readonly method?: "GET" | "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Media type of the body; `application/json` unless given. */
  readonly type?: string;
}

interface Received {
  readonly status: number;
  readonly text: string;
  readonly date: string | undefined;
}

/** What is needed to open a connection to an API server. */
export interface Connection extends Contacted {
  readonly options: RequestOptions;
}

const answered = new Set<string>();
const agents = new WeakMap<ChosenConfig, { readonly key: string; readonly agent: RequestOptions["agent"] }>();

/** How the API server of a place is reached at this moment; its credentials may be others the next time. @throws ClusterError */
export async function connectionTo(place: ClusterPlace): Promise<Connection> {
  const chosen = await chooseConfig(place);
  const contacted = { server: chosen.server, context: chosen.context };
  const options: RequestOptions = {};
  try {
    await chosen.config.applyToHTTPSOptions(options);
  } catch (error) {
    throw new ClusterError(
      `The credentials of context '${chosen.context}' cannot be had: ${(error as Error).message.trim()}. Log in again, then run ` +
        `it again.`,
      null,
      { cause: error },
    );
  }
  const { headers, auth } = options;
  return {
    ...contacted,
    options: { agent: agentOf(chosen, options), headers: headers ?? {}, ...(auth ? { auth } : {}) },
  };
}

/** Connections are kept open between requests as long as they are made with the same certificates. */
function agentOf(chosen: ChosenConfig, { agent, ca, cert, key: privateKey }: RequestOptions): RequestOptions["agent"] {
  const key = JSON.stringify([ca, cert, privateKey].map(String));
  const known = agents.get(chosen);
  if (known?.key === key) return known.agent;
  // A proxy's agent is another class, and keeps what it wants.
  const isPlain = agent instanceof Agent && agent.constructor === Agent;
  const kept = isPlain ? new Agent({ ...agent.options, keepAlive: true }) : agent;
  agents.set(chosen, { key, agent: kept });
  return kept;
}

/**
 * Makes one request; a server that has answered before is given half a minute to come back.
 *
 * @returns null when there is no such thing (404)
 * @throws ClusterError that names server and context
 */
export async function ask<T>(place: ClusterPlace, request: ClusterRequest): Promise<T | null> {
  const { text } = (await askRaw(place, request)) ?? {};
  return text === undefined ? null : (JSON.parse(text) as T);
}

/** The same for an answer that is no JSON, such as a log. */
export async function askText(place: ClusterPlace, request: ClusterRequest): Promise<string | null> {
  return (await askRaw(place, request))?.text ?? null;
}

/** The server's own time, to the second before; milliseconds since the epoch. @throws ClusterError */
export async function serverTime(place: ClusterPlace): Promise<number> {
  const received = await askRaw(place, { path: "/version" });
  const time = Date.parse(received?.date ?? "");
  return Number.isNaN(time) ? Date.now() : time;
}

async function askRaw(place: ClusterPlace, request: ClusterRequest): Promise<Received | null> {
  const deadline = Date.now() + patienceMilliseconds;
  for (let tries = 1; ; tries++) {
    try {
      return await askOnce(place, request);
    } catch (error) {
      const mayPass = error instanceof ClusterError && error.passes && answered.has((await chooseConfig(place)).server);
      if (!mayPass || Date.now() > deadline) throw error;
      await sleep(Math.min(2_000, 100 * 2 ** tries));
    }
  }
}

async function askOnce(place: ClusterPlace, request: ClusterRequest): Promise<Received | null> {
  const connection = await connectionTo(place);
  const received = await send(connection, request).catch((error: unknown) => {
    throw unansweredError(place, connection, error);
  });
  const { status, text } = received;
  if (status < 400) {
    answered.add(connection.server);
    return received;
  }
  if (status === 404) return null;
  throw refusedError(place, connection, { status, message: messageIn(text) });
}

/** What the server says in a Status object, else as it stands. */
export function messageIn(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === "string") return message;
  } catch {
    // Whoever answers in the server's place may not speak JSON.
  }
  return text.trim().slice(0, 300) || "without a word";
}

async function send({ server, options }: Connection, request: ClusterRequest): Promise<Received> {
  const { method = "GET", path, query = {}, body, type = "application/json" } = request;
  const url = new URL(`${server}${path}`);
  const ours: Record<string, string> = method === "PATCH" || method === "POST" ? { fieldManager } : {};
  for (const [key, value] of Object.entries({ ...ours, ...query })) url.searchParams.set(key, value);
  const content = body === undefined ? "" : JSON.stringify(body);
  const headers: RequestOptions["headers"] = {
    ...(options.headers as Record<string, string>),
    accept: "application/json, */*",
    "user-agent": fieldManager,
    ...(content === "" ? {} : { "content-type": type, "content-length": String(Buffer.byteLength(content)) }),
  };
  const open = url.protocol === "http:" ? httpRequest : httpsRequest;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => sent.destroy(Object.assign(new Error("no answer in time"), { code: "ETIMEDOUT" })),
      answerMilliseconds,
    );
    const fail = (error: Error) => {
      clearTimeout(timer);
      reject(error);
    };
    const sent = open(url, { ...options, method, headers }, (response) => {
      const pieces: Buffer[] = [];
      let size = 0;
      response.on("data", (piece: Buffer) => {
        timer.refresh();
        pieces.push(piece);
        size += piece.length;
        if (size > largestAnswer) sent.destroy(new Error("the answer is too large"));
      });
      response.on("error", fail);
      response.on("end", () => {
        clearTimeout(timer);
        resolve({
          status: response.statusCode ?? 0,
          text: Buffer.concat(pieces).toString("utf8"),
          date: response.headers.date,
        });
      });
    });
    sent.on("error", fail);
    sent.end(content);
  });
}

/** Media types of a PATCH. */
export const patchTypes = {
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
  apply: "application/apply-patch+yaml",
} as const;

/** Changes part of an object that has to be there. @throws ClusterError, also when it is not there */
export async function patch<T>(place: ClusterPlace, request: Omit<ClusterRequest, "method">): Promise<T> {
  const done = await ask<T>(place, { type: patchTypes.merge, ...request, method: "PATCH" });
  if (done !== null) return done;
  throw new ClusterError(
    `There is no ${request.path.split("/").slice(-2).join("/")} in namespace '${place.namespace}'.`,
    404,
  );
}
