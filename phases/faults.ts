import type { Refusal } from "../planner/refusals";
import { CatalogueError } from "../releases/errors";
import type { ServiceState } from "../runtimes/runtime";

/** A service and what one look at it found. */
export interface ObservedService {
  readonly name: string;
  readonly state: ServiceState;
}

/** The installation cannot be looked at; every fault that was found is listed. Nothing was touched. */
export class WorldFault extends Error {
  readonly refusals: readonly Refusal[];
  /** The services, as far as they could be looked at. */
  readonly services: readonly ObservedService[];

  constructor(refusals: readonly Refusal[], services: readonly ObservedService[] = []) {
    super(describeRefusals(refusals));
    this.name = "WorldFault";
    this.refusals = refusals;
    this.services = services;
  }
}

/** Refusals as text, a line each. */
export function describeRefusals(reasons: readonly Refusal[]): string {
  return reasons.map(({ path, text }) => `${path}: ${text}`).join("\n");
}

/** Collects what goes wrong while several things are looked at, so that all of it can be told at once. */
export class FaultCollector {
  readonly #refusals: Refusal[] = [];

  /** What was looked for, or null when that failed. */
  async of<T>(path: string, looked: Promise<T>): Promise<T | null> {
    try {
      return await looked;
    } catch (error) {
      this.#refusals.push(...refusalsOf(path, error));
      return null;
    }
  }

  /** @param services - as far as they could be looked at */
  fault(services: readonly ObservedService[]): WorldFault {
    return new WorldFault(this.#refusals, services);
  }
}

function refusalsOf(path: string, error: unknown): Refusal[] {
  if (error instanceof CatalogueError)
    return error.faults.map(({ file, line, reason }) => {
      return {
        path: line === undefined ? file : `${file}:${line}`,
        text: `the release catalogue is broken: ${reason}`,
      };
    });
  return [{ path, text: error instanceof Error ? error.message : String(error) }];
}
