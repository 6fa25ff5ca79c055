import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";

import type { Client } from "../../postgres/connection";
import type { SmokeTask } from "../../releases/release";
import { runtime } from "../../runtimes/driver";
import { openReceiver, type Receiver } from "../../runtimes/receiver";
import { type Answer, request } from "../../runtimes/request";
import type { ServiceSpec } from "../../runtimes/runtime";
import { type Check, notReached, skipped } from "./check";

const requestMs = 10_000;

/** What a task is called by which people and queries can tell that it is ours. */
const markWords = "octollm-upgrade smoke test";

/** One smoke task, from its creation to its removal. */
interface Course {
  readonly task: SmokeTask;
  readonly spec: ServiceSpec;
  /** Where its service answers. */
  readonly base: string;
  /** Null where services reach no program of this machine. */
  readonly receiver: Receiver | null;
  /** Whether nothing can be between the service and the receiver. */
  readonly isReached: boolean;
  readonly body: Readonly<Record<string, unknown>>;
  readonly deadline: number;
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
}

type Json = Readonly<Record<string, unknown>>;

/**
 * Creates a task, reads it back, waits until it is done and its webhook has been called, and removes it where the API can.
 * Where it cannot, or the task is not done, the task stays, and the check says so by its id.
 */
export async function checkTask(
  task: SmokeTask,
  spec: ServiceSpec,
  { timeoutSeconds, signal }: { readonly timeoutSeconds: number; readonly signal: AbortSignal },
): Promise<Check[]> {
  const base = await runtime.urlOf(spec);
  if (base === null) return [skipped("task", `${spec.name} takes a task`, notReached)];
  const reach = task.webhook === null ? null : await runtime.hostSeenBy(spec);
  const receiver = reach && (await openReceiver(reach.address, `/${randomUUID()}`).catch(() => null));
  try {
    const deadline = Date.now() + timeoutSeconds * 1_000;
    const body = { ...bodyOf(task), ...(task.webhook === null || !receiver ? {} : { [task.webhook]: receiver.url }) };
    return await run({
      task,
      spec,
      base,
      receiver,
      isReached: reach?.certain ?? false,
      body,
      deadline,
      timeoutSeconds,
      signal,
    });
  } finally {
    await receiver?.close();
  }
}

function bodyOf({ body }: SmokeTask): Json {
  const mark = `${markWords} ${randomUUID()}`;
  return JSON.parse(JSON.stringify(body).replaceAll("{mark}", mark)) as Json;
}

async function run(course: Course): Promise<Check[]> {
  const { task, spec, base, body, signal } = course;
  const answer = await request(base + task.path, { method: "POST", body, timeoutMs: requestMs });
  const created = objectIn(answer);
  const id = created?.[task.id];
  const check = `${spec.name} takes a task: POST ${task.path} with ${task.status}`;
  if (answer.status !== task.status || (typeof id !== "string" && typeof id !== "number"))
    return [failed(check, answer.status === task.status ? `its answer has no field '${task.id}'` : told(answer))];
  const checks = [passed(check, `${answer.text}, task ${id}`)];
  const url = base + task.read.replace("{id}", encodeURIComponent(id));
  try {
    checks.push(await checkReading(course, url, String(id)));
    checks.push(...(await checkEnd(course, url, String(id), created ?? {})));
  } finally {
    // Also after a Ctrl-C: a task of ours is nobody's to clean up.
    checks.push(await remove(course, url, String(id)));
  }
  signal.throwIfAborted();
  return checks;
}

/** The task is there, and what was sent is what comes back. */
async function checkReading({ task, spec, body }: Course, url: string, id: string): Promise<Check> {
  const check = `${spec.name} gives the task back: GET ${task.read}`;
  const answer = await request(url, { timeoutMs: requestMs });
  const found = objectIn(answer);
  if (answer.status !== 200 || !found) return failed(check, told(answer));
  const wrong = Object.entries(body).find(([key, sent]) => key in found && !isDeepStrictEqual(found[key], sent));
  if (wrong)
    return failed(check, `'${wrong[0]}' was sent as ${shown(wrong[1])} and came back as ${shown(found[wrong[0]])}`);
  if (!answer.body.includes(markWords)) return failed(check, "the answer has nothing of what was sent");
  return String(found[task.id]) === id
    ? passed(check, "as it was sent")
    : failed(check, `the answer is about task ${shown(found[task.id])}`);
}

async function checkEnd(course: Course, url: string, id: string, created: Json): Promise<Check[]> {
  const { task, spec } = course;
  if (task.done === null) return [];
  const check = `${spec.name} gets the task done`;
  const { outcome, detail } = await waitForEnd(course, url);
  const ended = outcome === "well" ? passed(check, detail) : failed(check, detail);
  return task.webhook === null ? [ended] : [ended, await checkWebhook(course, id, created, outcome)];
}

type Outcome = "well" | "badly" | "unfinished";

async function waitForEnd(
  course: Course,
  url: string,
): Promise<{ readonly outcome: Outcome; readonly detail: string }> {
  const { task, deadline, timeoutSeconds, signal } = course;
  const { field = "", well = [], badly = [] } = task.done ?? {};
  for (let pause = 25; ; pause = Math.min(pause * 2, 1_000)) {
    const answer = await request(url, { timeoutMs: requestMs });
    const state = objectIn(answer)?.[field];
    const detail = state === undefined ? told(answer) : `'${field}' is ${shown(state)}`;
    if (typeof state === "string" && well.includes(state)) return { outcome: "well", detail };
    if (typeof state === "string" && badly.includes(state)) return { outcome: "badly", detail };
    if (Date.now() + pause > deadline) return { outcome: "unfinished", detail: `after ${timeoutSeconds} s ${detail}` };
    await sleep(pause, undefined, { signal });
  }
}

/** An API that takes no webhook of a task's own shows it by leaving the field out of its answer. */
async function checkWebhook(course: Course, id: string, created: Json, outcome: Outcome): Promise<Check> {
  const { task, spec, receiver, isReached, deadline, timeoutSeconds, signal } = course;
  const check = `${spec.name} calls the task's webhook`;
  if (!receiver) return skipped("task", check, "the service reaches no program of this machine that could be called");
  if (task.webhook === null || !(task.webhook in created))
    return skipped("task", check, `its API takes no '${task.webhook}' of a task's own`);
  if (outcome === "unfinished") return skipped("task", check, "the task is not done");
  for (;;) {
    if (receiver.bodies.some((body) => body.includes(id)))
      return passed(check, "it was called on this machine, with the task's id");
    if (Date.now() > deadline) {
      const silence = describeSilence(receiver, timeoutSeconds);
      return isReached ? failed(check, silence) : skipped("task", check, `${silence}; a firewall may be between`);
    }
    await sleep(50, undefined, { signal });
  }
}

function describeSilence({ bodies, url }: Receiver, timeoutSeconds: number): string {
  const { hostname } = new URL(url);
  const got = bodies.length > 0 ? `only calls about other tasks came to ${hostname}` : `nothing came to ${hostname}`;
  return `${got} within ${timeoutSeconds} s`;
}

/** Removing is asked of the API, never done in the database. */
async function remove({ task, spec }: Course, url: string, id: string): Promise<Check> {
  const check = `${spec.name} removes the task: DELETE ${task.read}`;
  const answer = await request(url, { method: "DELETE", timeoutMs: requestMs });
  const stays = `task ${id} stays, '${markWords}' is in its text`;
  if (answer.status !== null && answer.status >= 200 && answer.status < 300) return passed(check, answer.text);
  if (answer.status === 404 || answer.status === 405 || answer.status === 501)
    return skipped("task", check, `its API cannot (${answer.text}); ${stays}`);
  if (answer.status === 409) return skipped("task", check, `not while it is being worked on; ${stays}`);
  return failed(check, `${told(answer)}; ${stays}`);
}

/** Ids of the tasks that verifications have left: those that were killed, and those of an API that removes none. */
export async function readLeftovers(client: Client, { leftovers }: SmokeTask): Promise<string[]> {
  if (leftovers === null) return [];
  const { rows } = await client.query<unknown[]>({ text: leftovers, rowMode: "array" });
  return rows.map(([id]) => String(id));
}

/** Removes them, as far as the API can. */
export async function removeLeftovers(task: SmokeTask, spec: ServiceSpec, ids: readonly string[]): Promise<Check[]> {
  const check = `${spec.name} has no smoke task of an earlier run`;
  let removed = 0;
  const base = await runtime.urlOf(spec);
  for (const id of base === null ? [] : ids) {
    const url = base + task.read.replace("{id}", encodeURIComponent(id));
    const { status } = await request(url, { method: "DELETE", timeoutMs: requestMs });
    if (status === null || status < 200 || status > 299) break;
    removed += 1;
  }
  if (ids.length === 0) return [];
  const left = ids.length - removed;
  return [
    left === 0
      ? passed(check, `${removed} ${removed === 1 ? "was" : "were"} removed`)
      : skipped("task", check, `${left} of ${ids.length} stay: its API does not remove them`),
  ];
}

function objectIn({ body }: Answer): Json | null {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : null;
  } catch {
    return null;
  }
}

function told({ status, text }: Answer): string {
  return status === null ? `no answer: it ${text}` : text;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function passed(check: string, detail: string): Check {
  return { subject: "task", check, passed: true, detail };
}

function failed(check: string, detail: string): Check {
  return { subject: "task", check, passed: false, detail };
}
