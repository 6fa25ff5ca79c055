import type { Ears } from "../../phases/story";
import type { Properties } from "../codec";
import type { Change } from "../diff";
import type { ResourceLog } from "../engine";
import type { Session } from "../session";

/** What a handler is called with. */
export interface Call {
  readonly urn: string;
  readonly session: Session;
  readonly log: ResourceLog;
}

/** What is told besides a resource's own outcome. */
export function earsOf({ log }: Pick<Call, "log">): Ears {
  return { say: (line) => log.info(line), warn: (line) => log.warning(line) };
}

/** Name of the stack in a URN: `urn:pulumi:<stack>::...`. */
export function stackOf({ urn }: Call): string {
  return urn.split(":")[2] ?? "";
}

/** A fault of an input or of the world, found before anything is touched. */
export interface Fault {
  /** Input that it is about; empty when it is about the world. */
  readonly property: string;
  readonly reason: string;
}

export interface Checked {
  readonly inputs: Properties;
  readonly faults: readonly Fault[];
}

/** Create or update, in preview or for real. */
export interface Application {
  /** State before; null for a create. */
  readonly old: Properties | null;
  readonly inputs: Properties;
  readonly preview: boolean;
}

/** One resource type, as the engine sees it. */
export interface ResourceHandler {
  /** @param old - inputs of the state; null when the resource is new */
  check(call: Call, inputs: Properties, old: Properties | null): Promise<Checked>;
  /**
   * @param old - inputs of the state
   * @param state - outputs of the state
   */
  diff(call: Call, inputs: Properties, old: Properties, state: Properties): Promise<readonly Change[]>;
  /** @returns the outputs */
  apply(call: Call, application: Application): Promise<Properties>;
  /**
   * What the world makes of some properties now; types that do not speak of the world have none.
   *
   * @param state - outputs of the state
   * @returns those that are told anew, inputs and outputs alike
   * @throws when the world cannot be looked at: the state stays as it is then
   */
  read?(call: Call, state: Properties): Promise<Properties>;
  /** Forgets; our types never delete anything of the installation. */
  forget(call: Call, state: Properties): Promise<void>;
}

/** The resource is there, but its work ended with a failure half-way; what is done is in `outputs`. */
export class PartialFailure extends Error {
  readonly outputs: Properties;
  /** The resource's id, set by the service. */
  id = "";

  constructor(message: string, outputs: Properties) {
    super(message);
    this.name = "PartialFailure";
    this.outputs = outputs;
  }
}
