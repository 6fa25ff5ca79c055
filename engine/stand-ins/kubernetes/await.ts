import { setTimeout as sleep } from "node:timers/promises";

import type { PropertyMap } from "../../property/value";
import type { Cluster } from "./cluster";
import { idOf, type Kind } from "./kinds";
import { annotationOf, annotations, metadataText } from "./metadata";
import { looks } from "./readiness";

/** An object that somebody waits for. */
export interface Awaiting {
  readonly cluster: Cluster;
  readonly kind: Kind;
  /** What the program says of it. */
  readonly inputs: PropertyMap;
  /** The object as the server answered. */
  readonly live: PropertyMap;
  /** Seconds; 0 for what the object's annotation says, else ten minutes. */
  readonly timeout: number;
  /** Lines for the operator. */
  readonly log: (line: string) => void;
  readonly cancelled: AbortSignal;
}

/** An object is there, but not as it should be. */
export class NotReadyError extends Error {
  /** As it is now. */
  readonly live: PropertyMap;
  readonly reasons: readonly string[];

  constructor(message: string, live: PropertyMap, reasons: readonly string[]) {
    super(message);
    this.name = "NotReadyError";
    this.live = live;
    this.reasons = reasons;
  }
}

const pollMilliseconds = 500;
const defaultSeconds = 600;

function secondsOf({ timeout, inputs }: Awaiting): number {
  const noted = Number.parseInt(annotationOf(inputs, annotations.timeoutSeconds));
  return timeout || (Number.isNaN(noted) ? defaultSeconds : noted);
}

const isUnawaited = ({ inputs }: Awaiting): boolean => annotationOf(inputs, annotations.skipAwait) === "true";

/**
 * Waits until an object is what its kind calls ready, and tells meanwhile what is in the way.
 *
 * @returns the object as it is then
 * @throws NotReadyError at its timeout, or when the run is interrupted
 */
export async function awaitReady(awaiting: Awaiting): Promise<PropertyMap> {
  const look = looks[awaiting.kind.kind];
  if (!look || isUnawaited(awaiting)) return awaiting.live;
  const seconds = secondsOf(awaiting);
  const deadline = Date.now() + seconds * 1_000;
  let told = "";
  for (;;) {
    const { live, reasons } = await look(awaiting);
    if (reasons.length === 0) return live;
    if (awaiting.cancelled.aborted)
      throw new NotReadyError("the wait for it was interrupted; it goes on starting", live, reasons);
    if (Date.now() >= deadline) throw new NotReadyError(`it was not ready within ${seconds} s`, live, reasons);
    const words = reasons.join("; ");
    if (words !== told) awaiting.log(words);
    told = words;
    await sleep(pollMilliseconds);
  }
}

/** What is in the way of an object's readiness at this moment; empty for nothing. */
export async function inspectReadiness(awaiting: Awaiting): Promise<readonly string[]> {
  const look = looks[awaiting.kind.kind];
  return !look || isUnawaited(awaiting) ? [] : (await look(awaiting)).reasons;
}

/**
 * Waits until an object is gone, with what belongs to it.
 *
 * @throws NotReadyError at its timeout, or when the run is interrupted
 */
export async function awaitDeleted(awaiting: Awaiting): Promise<void> {
  const { cluster, kind, live, log, cancelled } = awaiting;
  if (kind.deletedUnawaited && isUnawaited(awaiting)) return;
  const [namespace, name] = [metadataText(live, "namespace"), metadataText(live, "name")];
  const seconds = secondsOf(awaiting);
  const deadline = Date.now() + seconds * 1_000;
  for (let looked = 0; ; looked++) {
    const found = await cluster.get(kind, namespace, name);
    // One of the same name that somebody has made since is another one.
    if (found === null || metadataText(found, "uid") !== metadataText(live, "uid")) return;
    const finalizers = finalizersOf(found);
    if (cancelled.aborted || Date.now() >= deadline) {
      const why = cancelled.aborted ? "the wait for its end was interrupted" : `it was not gone within ${seconds} s`;
      throw new NotReadyError(why, found, finalizers);
    }
    if (looked === 2) log(`${kind.kind} '${idOf(namespace, name)}' is ending`);
    await sleep(pollMilliseconds);
  }
}

function finalizersOf({ metadata }: PropertyMap): string[] {
  const { finalizers } = (metadata ?? {}) as { finalizers?: string[] };
  return (finalizers ?? []).map((name) => `it waits for '${name}', which has to let go of it`);
}
