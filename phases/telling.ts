import { setTimeout as sleep } from "node:timers/promises";

import type { Message } from "../notify/message";
import { type NotifyTarget, send } from "../notify/send";
import { many } from "../report/words";
import type { ReportSettings } from "../report/write";

/** Whom an attempt is told to: a folder of reports, and webhooks. */
export interface Telling {
  /** Null when no report is written. */
  readonly report: ReportSettings | null;
  readonly announcer: Announcer;
}

/** How long the end of an attempt waits for webhooks. */
const patienceMs = 6_000;

/**
 * Sends messages beside the work: no phase waits for a webhook. That one does not answer is said, and fails nothing.
 */
export class Announcer {
  readonly #targets: readonly NotifyTarget[];
  /** By target: what was said first arrives first. */
  readonly #sent: Promise<void>[];
  #pending = 0;

  constructor(targets: readonly NotifyTarget[]) {
    this.#targets = targets;
    this.#sent = targets.map(() => Promise.resolve());
  }

  /** @param say - gets a line for each webhook that could not be told */
  announce(message: Message, say: (line: string) => void): void {
    this.#targets.forEach((target, index) => {
      if (!target.events.includes(message.event)) return;
      this.#pending += 1;
      const before = this.#sent[index] ?? Promise.resolve();
      this.#sent[index] = before
        .then(() => send(target, message))
        .then((fault) => {
          this.#pending -= 1;
          const name = `Webhook ${index + 1} of 'notify' (${target.format})`;
          if (fault !== null)
            say(`${name} was not told of the ${message.event}: ${fault}. The upgrade does not depend on it.`);
        });
    });
  }

  /** Resolves once every message was delivered or given up, after some seconds at most. */
  async settled(say: (line: string) => void): Promise<void> {
    const patience = new AbortController();
    const late = sleep(patienceMs, "late", { signal: patience.signal, ref: false }).catch(() => "in time");
    const outcome = await Promise.race([Promise.all(this.#sent), late]);
    patience.abort();
    if (outcome === "late")
      say(`${many(this.#pending, "message")} to webhooks still on the way after ${patienceMs / 1000} s.`);
  }
}

/** For what is told to nobody. */
export const tellNobody: Telling = { report: null, announcer: new Announcer([]) };
