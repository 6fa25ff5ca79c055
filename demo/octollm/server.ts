import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

import { Pool } from "pg";

import { type Answer, answer, type Context, TooLargeError } from "./api";
import { TaskCache } from "./cache";
import { log, reasonOf } from "./log";
import { readSettings, type ServiceSettings } from "./settings";
import { TaskStore } from "./tasks";
import { ValidationError } from "./validation";
import { Worker } from "./worker";

function answerForFault(fault: unknown): Answer {
  if (fault instanceof ValidationError) return { status: 422, body: { detail: fault.faults } };
  if (fault instanceof TooLargeError) return { status: 413, body: { detail: fault.message } };
  log("error", "request failed", { reason: reasonOf(fault) });
  return { status: 500, body: { detail: "Internal Server Error" } };
}

async function serve(
  context: Context,
  server: Server,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { status, body, headers } = await answer(context, request).catch(answerForFault);
  const text = body === null ? "" : JSON.stringify(body);
  const described = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
  // A client that never pauses would keep its connection, and this process, while it drains.
  if (!server.listening) response.shouldKeepAlive = false;
  response.writeHead(status, { ...(body === null ? {} : described), ...headers });
  response.end(request.method === "HEAD" ? undefined : text);
  log("debug", "request", { method: request.method, path: request.url?.split("?")[0], status });
}

function openPool({ database, behaviour }: ServiceSettings): Pool {
  const { host, port, user, password, database: name } = database;
  const application_name = `octollm-orchestrator ${behaviour.version}`;
  const pool = new Pool({ host, port, user, password, database: name, max: 10, application_name });
  pool.on("error", (fault) => log("warning", "lost a database connection", { reason: reasonOf(fault) }));
  return pool;
}

/** A release works on no schema but its own: starting all the same would write tasks that nobody can read. */
async function refuseUnknownSchema(store: TaskStore, { behaviour }: ServiceSettings): Promise<void> {
  const revision = await store.revision();
  if (revision !== null && behaviour.revisions.includes(revision)) return;
  const known = behaviour.revisions.join(", ");
  throw new Error(
    `OctoLLM ${behaviour.version} does not understand schema revision ${revision ?? "(none)"}; it knows ${known}`,
  );
}

async function listen(server: Server, { port, host }: ServiceSettings): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
}

function endOnSignals(server: Server, worker: Worker, pool: Pool): void {
  const end = async (signal: string) => {
    log("info", "draining", { signal });
    // Whoever has connected and was not taken yet would be reset by the closing: this turn of the event loop takes them.
    await new Promise((resolve) => setImmediate(resolve));
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeIdleConnections();
    await closed;
    await worker.drain();
    await pool.end();
    log("info", "stopped");
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.once(signal, () => {
      void end(signal).then(() => process.exit(0));
    });
}

async function main(): Promise<void> {
  const settings = readSettings(process.argv.slice(2), process.env);
  const { version } = settings.behaviour;
  const pool = openPool(settings);
  const store = new TaskStore(pool);
  await refuseUnknownSchema(store, settings);
  const cache = settings.cache && new TaskCache(settings.cache);
  const worker = new Worker(store, cache, settings.webhookUrl);
  const context = { behaviour: settings.behaviour, store, worker, cache };
  const server: Server = createServer((request, response) => void serve(context, server, request, response));
  endOnSignals(server, worker, pool);
  await listen(server, settings);
  log("info", `OctoLLM ${version} serves on port ${settings.port}`, { version, pid: process.pid });
}

main().catch((fault: unknown) => {
  log("error", `OctoLLM cannot start: ${reasonOf(fault)}`);
  process.exit(3);
});
