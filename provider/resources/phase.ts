import { type Attempt, inLedger } from "../../phases/attempt";
import type { RestoreActivity } from "../../phases/restore";
import { settle } from "../../phases/settle";
import { isBeyondStop, stopHere } from "../../phases/stop-after";
import { tellEnd } from "../../phases/story";
import { UpgradeLockedError } from "../../postgres/lock";
import type { Properties } from "../codec";
import { changesBetween } from "../diff";
import type { CompletedAttempt, Session } from "../session";
import { type Call, earsOf, PartialFailure, type ResourceHandler } from "./resource";

/** What one phase does, given its slice of the plan. */
export interface PhaseWork {
  /** Name in the ledger and in messages. */
  readonly name: string;
  /**
   * @param old - outputs of the state; null when the resource is new
   * @returns the outputs besides the inputs
   */
  run(attempt: Attempt, inputs: Properties, activity: RestoreActivity, old: Properties | null): Promise<Properties>;
  /** The same in a preview, of what Preflight has seen; nothing where the outputs tell only what was done. */
  foresee?(session: Session, inputs: Properties, old: Properties | null): Properties;
  /** Only of the phase with which an attempt is complete: its outputs when an earlier run came that far. */
  recall?(completed: CompletedAttempt): Properties;
  /** Outputs of a run that failed half-way, if there is anything to tell; null when the resource stays as it was. */
  partialOutputs?(error: unknown): Properties | null;
}

/**
 * A phase: changes when its slice of the plan does, and works only within the attempt that Preflight has opened in this
 * run. When it fails, the old release is brought back where that loses nothing.
 */
export function phaseHandler(work: PhaseWork): ResourceHandler {
  return {
    check: (_call, inputs) => Promise.resolve({ inputs, faults: [] }),
    diff: (_call, inputs, old) => Promise.resolve(changesBetween(old, inputs)),
    apply: async (call, { inputs, old, preview }) => {
      if (preview) return { ...inputs, ...work.foresee?.(call.session, inputs, old) };
      return { ...inputs, ...(await run(call, work, inputs, old)) };
    },
    forget: () => Promise.resolve(),
  };
}

async function run(call: Call, work: PhaseWork, inputs: Properties, old: Properties | null): Promise<Properties> {
  const { session, log } = call;
  // A run that was killed after its last phase and before its engine wrote that down: there is nothing left to do.
  if (work.recall && session.completed?.number === Number(inputs.attempt)) return work.recall(session.completed);
  const attempt = session.attempt(Number(inputs.attempt));
  // Engines put the resource's name before each line: one that begins with it would have it twice.
  const own = `${work.name.toLowerCase()}: `;
  const progress = (line: string) => log.progress(line.startsWith(own) ? line.slice(own.length) : line);
  if (isBeyondStop(attempt, work.name)) {
    session.close();
    const text = await stopHere(attempt);
    await tellEnd(attempt, { kind: "stopped", text }, earsOf(call));
    throw new Error(text);
  }
  try {
    session.signal.throwIfAborted();
    const withoutLock = <T>(held: () => Promise<T>) => session.withoutLock(held);
    const activity = { signal: session.signal, progress, withoutLock };
    const outputs = await inLedger(attempt, work.name, () =>
      work.run(attempt, inputs, activity, old).catch(throwReason),
    );
    if (work.recall) {
      session.close();
      await tellEnd(attempt, { kind: "succeeded" }, earsOf(call));
    }
    return outputs;
  } catch (error) {
    session.close();
    if (session.isAbandoned) throw error;
    const failure = `${work.name} failed: ${error instanceof Error ? error.message : String(error)}${lockLoss(session, error)}`;
    const signal = await session.signalForWayBack(attempt, progress);
    const text = `${failure}\n${await settle(attempt, failure, { signal, progress })}`;
    await tellEnd(attempt, { kind: "failed", text }, earsOf(call));
    const outputs = work.partialOutputs?.(error) ?? null;
    throw outputs === null ? new Error(text, { cause: error }) : new PartialFailure(text, { ...inputs, ...outputs });
  }
}

/** What a timer or a stream calls "aborted" has a reason that tells more: who cancelled, or why the lock was lost. */
function throwReason(error: unknown): never {
  throw error instanceof Error && error.name === "AbortError" && error.cause instanceof Error ? error.cause : error;
}

/** What was interrupted says how things stand, not that the lock was lost meanwhile. */
function lockLoss({ signal }: Session, error: unknown): string {
  const reason: unknown = signal.reason;
  return reason instanceof UpgradeLockedError && reason !== error ? `\n${reason.message}` : "";
}
