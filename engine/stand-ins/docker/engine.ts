import type Docker from "dockerode";

import { ask, engineAddress, EngineError, tell } from "../../../runtimes/docker/engine";

/** One Docker engine, whose refusals become text that names it. */
export class Engine {
  readonly #setting: string;

  /** @param setting - `unix:///path` or `tcp://host:port`; empty for the system's own */
  constructor(setting: string) {
    this.#setting = setting;
  }

  get address(): string {
    return engineAddress(this.#setting);
  }

  /** @throws EngineError when nothing answers */
  async ping(): Promise<void> {
    await tell(this.#setting, (docker) => docker.ping());
  }

  /** Null when the engine has no such thing. */
  async find<Found>(request: (docker: Docker) => Promise<Found>): Promise<Found | null> {
    return ask(this.#setting, request);
  }

  /**
   * Makes a change.
   *
   * @param what - begins the error's text: `Unable to create container 'octollm-orchestrator'`
   * @param next - ends it: what to do
   */
  async change<Result>(what: string, request: (docker: Docker) => Promise<Result>, next: string): Promise<Result> {
    let result: Result | undefined;
    await this.#worded(what, next, () =>
      tell(this.#setting, async (docker) => {
        result = await request(docker);
      }),
    );
    return result as Result;
  }

  /** The same; for a thing that is not there, or is so already, there is nothing to do. */
  async settle(what: string, request: (docker: Docker) => Promise<unknown>, next: string): Promise<void> {
    await this.#worded(what, next, () => tell(this.#setting, request, [304, 404]));
  }

  async #worded(what: string, next: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof EngineError) || error.status === null) throw error;
      const text = `${what} on the Docker engine at '${this.address}': ${error.message.trim()}. ${next}`;
      throw new EngineError(text, error.status, { cause: error });
    }
  }
}
