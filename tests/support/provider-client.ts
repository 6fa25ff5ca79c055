import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

import * as grpc from "@grpc/grpc-js";
import { EngineService } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { type LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as messages from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";

import { decodeProperties, encodeProperties, type Properties } from "../../provider/codec";

const project = resolve(__dirname, "..", "..");

/** A line that the provider sent to its engine. */
export interface LogLine {
  readonly severity: "info" | "warning" | "other";
  readonly text: string;
  readonly ephemeral: boolean;
}

/** A resource as the engine names it. */
export interface Resource {
  /** Such as `Preflight`. */
  readonly type: string;
  readonly name: string;
}

/** The provider `upgrade` as a real process, driven as an engine drives it. */
export class ProviderProcess {
  readonly logs: LogLine[] = [];
  /** Every answer and error so far, as text: to search for what must not be there. */
  readonly said: string[] = [];
  /** Resolves with the exit code, or the signal, once the process is gone. */
  readonly ended: Promise<number | string>;
  readonly #child: ChildProcess;
  readonly #engine: grpc.Server;
  #client!: ResourceProviderClient;

  private constructor(child: ChildProcess, engine: grpc.Server) {
    this.#child = child;
    this.#engine = engine;
    this.ended = once(child, "exit").then(([code, signal]) => (code ?? signal) as number | string);
  }

  static async start({ databaseUrl = "" } = {}): Promise<ProviderProcess> {
    const engine = new grpc.Server();
    const started: { provider?: ProviderProcess } = {};
    engine.addService(EngineService, {
      log: (call: { request: LogRequest }, callback: (error: null, empty: Empty) => void) => {
        started.provider?.logs.push(lineOf(call.request));
        callback(null, new Empty());
      },
    });
    const port = await new Promise<number>((done, fail) =>
      engine.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error ? fail(error) : done(bound),
      ),
    );
    const child = spawn(process.execPath, [join(project, "provider", "pulumi-resource-upgrade"), `127.0.0.1:${port}`], {
      cwd: project,
      stdio: ["pipe", "pipe", "pipe"],
    });
    const provider = new ProviderProcess(child, engine);
    started.provider = provider;
    child.stderr?.on("data", (piece: Buffer) => provider.said.push(piece.toString()));
    const [line] = (await once(createInterface(child.stdout), "line")) as [string];
    provider.#client = new ResourceProviderClient(`127.0.0.1:${line}`, grpc.credentials.createInsecure());
    const configuration = new messages.ConfigureRequest();
    configuration.setArgs(encodeProperties(databaseUrl === "" ? {} : { databaseUrl }));
    await provider.#call("configure", configuration);
    return provider;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @param old - inputs in the state; undefined when the resource is new */
  async check(
    resource: Resource,
    inputs: Properties,
    old?: Properties,
  ): Promise<{ inputs: Properties; failures: string[] }> {
    const request = new messages.CheckRequest();
    request.setUrn(urnOf(resource));
    request.setNews(encodeProperties(inputs));
    if (old) request.setOlds(encodeProperties(old));
    const response = await this.#call<messages.CheckResponse>("check", request);
    return {
      inputs: decodeProperties(response.getInputs()),
      failures: response.getFailuresList().map((failure) => failure.getReason()),
    };
  }

  /** The changed paths in order, `+`, `-` or `~` before each; null when the provider says that nothing changes. */
  async diff(resource: Resource, old: Properties, inputs: Properties): Promise<string[] | null> {
    const request = new messages.DiffRequest();
    request.setUrn(urnOf(resource));
    request.setId(resource.name);
    request.setOldInputs(encodeProperties(old));
    request.setOlds(encodeProperties(old));
    request.setNews(encodeProperties(inputs));
    const response = await this.#call<messages.DiffResponse>("diff", request);
    if (response.getReplacesList().length > 0 || response.getDeletebeforereplace())
      throw new Error("a diff asked for a replace");
    if (response.getChanges() === messages.DiffResponse.DiffChanges.DIFF_NONE) return null;
    const signs = { [messages.PropertyDiff.Kind.ADD]: "+", [messages.PropertyDiff.Kind.DELETE]: "-" } as Record<
      number,
      string
    >;
    const detailed = response.getDetaileddiffMap().toArray() as unknown as [string, unknown][];
    return detailed
      .map(([path]) => (signs[response.getDetaileddiffMap().get(path)?.getKind() ?? -1] ?? "~") + path)
      .toSorted();
  }

  /** Creates when there is no state yet, else updates. */
  async apply(
    resource: Resource,
    inputs: Properties,
    { old, preview = false }: { old?: Properties; preview?: boolean } = {},
  ): Promise<Properties> {
    if (!old) {
      const request = new messages.CreateRequest();
      request.setUrn(urnOf(resource));
      request.setName(resource.name);
      request.setProperties(encodeProperties(inputs));
      request.setPreview(preview);
      return decodeProperties((await this.#call<messages.CreateResponse>("create", request)).getProperties());
    }
    const request = new messages.UpdateRequest();
    request.setUrn(urnOf(resource));
    request.setId(resource.name);
    request.setOlds(encodeProperties(old));
    request.setNews(encodeProperties(inputs));
    request.setPreview(preview);
    return decodeProperties((await this.#call<messages.UpdateResponse>("update", request)).getProperties());
  }

  /** Calls one of its functions. */
  async invoke(token: string, args: Properties): Promise<Properties> {
    const request = new messages.InvokeRequest();
    request.setTok(token);
    request.setArgs(encodeProperties(args));
    return decodeProperties((await this.#call<messages.InvokeResponse>("invoke", request)).getReturn());
  }

  async cancel(): Promise<void> {
    await this.#call("cancel", new Empty());
  }

  /** The lines that are kept, without the ephemeral ones. */
  lines(severity: LogLine["severity"] = "info"): string[] {
    return this.logs.filter((line) => line.severity === severity && !line.ephemeral).map((line) => line.text);
  }

  /** Waits until a line of any kind has come. */
  async until(text: RegExp, milliseconds = 20_000): Promise<void> {
    for (const end = Date.now() + milliseconds; !this.logs.some((line) => text.test(line.text));) {
      if (Date.now() > end)
        throw new Error(`no line like ${text} in:\n${this.logs.map((line) => line.text).join("\n")}`);
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  /** Ends its standard input, as an engine that is gone does. */
  closeInput(): void {
    this.#child.stdin?.end();
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends the process as a well-behaved engine does, and answers its exit code. */
  async stop(): Promise<number | string> {
    this.closeInput();
    const hardEnd = setTimeout(() => this.kill("SIGKILL"), 10_000);
    const code = await this.ended;
    clearTimeout(hardEnd);
    this.#client.close();
    this.#engine.forceShutdown();
    return code;
  }

  async #call<Response extends { toObject(): unknown }>(method: string, request: unknown): Promise<Response> {
    const client = this.#client as unknown as Record<
      string,
      (request: unknown, done: grpc.requestCallback<Response>) => void
    >;
    return new Promise((done, fail) => {
      client[method]?.call(client, request, (error, response) => {
        this.said.push(error ? error.details : JSON.stringify(response?.toObject()));
        if (error) fail(new Error(error.details, { cause: error }));
        else done(response as Response);
      });
    });
  }
}

function urnOf({ type, name }: Resource): string {
  return `urn:pulumi:dev::octollm::upgrade:index:Upgrade$upgrade:index:${type}::${name}`;
}

function lineOf(request: LogRequest): LogLine {
  const severities: Record<number, LogLine["severity"]> = {
    [LogSeverity.INFO]: "info",
    [LogSeverity.WARNING]: "warning",
  };
  return {
    severity: severities[request.getSeverity()] ?? "other",
    text: request.getMessage(),
    ephemeral: request.getEphemeral(),
  };
}
