import { credentials } from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb";

/** The lines that a resource's work sends to whoever drives the engine. */
export interface ResourceLog {
  info(text: string): void;
  warning(text: string): void;
  /** Shown beside the resource while it works, not kept. */
  progress(text: string): void;
}

/** The engine that hosts this provider. */
export class Engine {
  readonly #client: EngineClient;
  /** Messages are sent one after the other: the engine shows them in the order in which they arrive. */
  #queue: Promise<void> = Promise.resolve();

  constructor(address: string) {
    this.#client = new EngineClient(address, credentials.createInsecure());
  }

  /** The log of one resource. */
  logOf(urn: string): ResourceLog {
    const send = (severity: LogSeverity, text: string, ephemeral = false) =>
      this.#send({ urn, severity, text, ephemeral });
    return {
      info: (text) => send(LogSeverity.INFO, text),
      warning: (text) => send(LogSeverity.WARNING, text),
      progress: (text) => send(LogSeverity.INFO, text, true),
    };
  }

  /** Resolves once every message so far has been handed over. */
  async flushed(): Promise<void> {
    await this.#queue;
  }

  #send(message: { urn: string; severity: LogSeverity; text: string; ephemeral: boolean }): void {
    const request = new LogRequest();
    request.setUrn(message.urn);
    request.setSeverity(message.severity);
    request.setMessage(message.text);
    request.setEphemeral(message.ephemeral);
    this.#queue = this.#queue.then(
      () =>
        new Promise((resolve) => {
          // An engine that is gone takes no messages; the work itself must not fail for that.
          this.#client.log(request, () => resolve());
        }),
    );
  }
}
