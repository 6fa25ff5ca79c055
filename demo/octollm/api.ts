import type { IncomingMessage } from "node:http";

import type { Behaviour } from "./behaviour";
import type { TaskCache } from "./cache";
import { reasonOf } from "./log";
import type { TaskStore } from "./tasks";
import { readListQuery, readNewTask, readTaskId } from "./validation";
import type { Worker } from "./worker";

/** What goes back to a client. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the routes work with. */
export interface Context {
  readonly behaviour: Behaviour;
  readonly store: TaskStore;
  readonly worker: Worker;
  readonly cache: TaskCache | null;
}

const largestBody = 1024 * 1024;
const notFound: Answer = { status: 404, body: { detail: "Not Found" } };
const notAllowed: Answer = { status: 405, body: { detail: "Method Not Allowed" } };

/** A body that is larger than the service takes. */
export class TooLargeError extends Error {}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > largestBody) throw new TooLargeError("Request body is too large");
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

/**
 * Answers one request as the release does.
 *
 * @throws ValidationError, TooLargeError and errors of the database, for the caller to turn into answers
 */
export async function answer(context: Context, request: IncomingMessage): Promise<Answer> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  const { prefix, execute } = context.behaviour;
  const method = request.method === "HEAD" ? "GET" : (request.method ?? "GET");
  if (pathname === "/health") return method === "GET" ? health(context) : notAllowed;
  if (!pathname.startsWith(prefix)) return notFound;
  const path = pathname.slice(prefix.length);
  if (path === "/tasks") {
    if (method === "GET")
      return { status: 200, body: { tasks: await context.store.list(readListQuery(searchParams)) } };
    return method === "POST" ? createTask(context, await bodyOf(request)) : notAllowed;
  }
  if (path === "/execute" && execute) return method === "POST" ? runAtOnce(context, await bodyOf(request)) : notAllowed;
  const [, id] = /^\/tasks\/([^/]+)$/.exec(path) ?? [];
  if (id === undefined) return notFound;
  if (method === "DELETE") return removeTask(context, id);
  return method === "GET" ? readTask(context, id) : notAllowed;
}

/** Healthy only while the database can be reached and has a schema that this code understands. */
async function health({ behaviour, store }: Context): Promise<Answer> {
  const { version, revisions } = behaviour;
  try {
    const revision = await store.revision();
    if (revision !== null && revisions.includes(revision))
      return { status: 200, body: { status: "healthy", version, revision } };
    return { status: 503, body: { status: "unhealthy", version, revision, reason: "unknown schema revision" } };
  } catch (fault) {
    return { status: 503, body: { status: "unhealthy", version, revision: null, reason: reasonOf(fault) } };
  }
}

async function createTask({ behaviour, store, worker }: Context, body: string): Promise<Answer> {
  const { webhook_url, ...wanted } = readNewTask(body, behaviour);
  const task = await store.create(wanted);
  // The worker logs its own failures.
  worker.run(task, webhook_url ?? undefined).catch(() => undefined);
  return { status: 201, body: webhook_url === null ? task : { ...task, webhook_url } };
}

async function runAtOnce({ behaviour, store, worker }: Context, body: string): Promise<Answer> {
  const task = await store.create(readNewTask(body, behaviour));
  return { status: 200, body: await worker.run(task), headers: { deprecation: "true" } };
}

/** A task that is being worked on stays. */
async function removeTask({ store, cache }: Context, text: string): Promise<Answer> {
  const id = readTaskId(text);
  if (await store.remove(id)) {
    cache?.forget(id);
    return { status: 204, body: null };
  }
  if (await store.find(id)) return { status: 409, body: { detail: "Task is not done" } };
  return { status: 404, body: { detail: "Task not found" } };
}

async function readTask({ store, cache }: Context, text: string): Promise<Answer> {
  const id = readTaskId(text);
  const cached = cache?.get(id);
  if (cached) return { status: 200, body: cached, headers: { "x-cache": "hit" } };
  const task = await store.find(id);
  if (!task) return { status: 404, body: { detail: "Task not found" } };
  const isFinal = task.status === "completed" || task.status === "failed";
  if (isFinal) cache?.put(task);
  return { status: 200, body: task, headers: cache ? { "x-cache": "miss" } : {} };
}
