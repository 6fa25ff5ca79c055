import * as grpc from "@grpc/grpc-js";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import type { IResourceProviderServer } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as messages from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";

import type { NotifyTarget } from "../notify/send";
import type { Attempt } from "../phases/attempt";
import { settleBetweenPhases } from "../phases/settle";
import { tellEnd } from "../phases/story";
import { Announcer } from "../phases/telling";
import { programVersion } from "../version";
import { decodeProperties, encodeProperties } from "./codec";
import type { Change } from "./diff";
import type { Engine } from "./engine";
import { partialFailureStatus } from "./partial-failure";
import { resourceHandlers } from "./resources";
import { type Call, earsOf, PartialFailure, type ResourceHandler } from "./resources/resource";
import type { Session } from "./session";

/** Token of the function that tells this provider which webhooks to tell. */
const notifyFunction = "upgrade:index:notify";

type Handler<Request, Response> = (request: Request) => Promise<Response>;

/** Answers with what the function returns, and turns what it throws into a gRPC status. */
function unary<Request, Response>(answer: Handler<Request, Response>): grpc.handleUnaryCall<Request, Response> {
  return (call, callback) => {
    answer(call.request).then(
      (response) => callback(null, response),
      (error: unknown) => callback(statusOf(error)),
    );
  };
}

function statusOf(error: unknown): Partial<grpc.StatusObject> {
  if (error instanceof PartialFailure) return partialFailureStatus(error);
  // Any code but UNKNOWN and INTERNAL tells the engine that the state is as it was.
  return { code: grpc.status.FAILED_PRECONDITION, details: error instanceof Error ? error.message : String(error) };
}

const changeKinds: Readonly<Record<Change["kind"], messages.PropertyDiff.Kind>> = {
  add: messages.PropertyDiff.Kind.ADD,
  delete: messages.PropertyDiff.Kind.DELETE,
  update: messages.PropertyDiff.Kind.UPDATE,
};

/**
 * The resource provider `upgrade`, written against the protocol itself: the SDK's own server drops the preview flag,
 * detailed diffs, timeouts and logs.
 */
export class UpgradeService {
  readonly #handlers = resourceHandlers();
  readonly #session: Session;
  readonly #engine: Engine;
  #underWay = 0;
  /** Set once `bringBack` has something to do. */
  #wayBack: Promise<void> | null = null;

  constructor(session: Session, engine: Engine) {
    this.#session = session;
    this.#engine = engine;
  }

  /** Whether a create, update or delete is under way. */
  get isBusy(): boolean {
    return this.#underWay > 0;
  }

  /** The methods that the engine calls; those that this provider has no use for answer UNIMPLEMENTED. */
  methods(): Partial<IResourceProviderServer> {
    return {
      handshake: unary(() => Promise.resolve(handshake())),
      checkConfig: unary((request) => Promise.resolve(echo(request))),
      diffConfig: unary(() => Promise.resolve(new messages.DiffResponse())),
      configure: unary((request) => Promise.resolve(this.#configure(request))),
      getPluginInfo: unary(() => Promise.resolve(pluginInfo())),
      check: unary((request) => this.#check(request)),
      diff: unary((request) => this.#diff(request)),
      create: unary((request) => this.#create(request)),
      update: unary((request) => this.#update(request)),
      read: unary((request) => this.#read(request)),
      delete: unary((request) => this.#delete(request)),
      cancel: unary(() => this.#cancel()),
      invoke: unary((request) => Promise.resolve(this.#invoke(request))),
    };
  }

  #configure(request: messages.ConfigureRequest): messages.ConfigureResponse {
    const { databaseUrl } = decodeProperties(request.getArgs());
    this.#session.databaseUrl = typeof databaseUrl === "string" ? databaseUrl : "";
    const response = new messages.ConfigureResponse();
    response.setAcceptsecrets(true);
    response.setAcceptresources(true);
    response.setSupportspreview(true);
    return response;
  }

  /** The one function: whom to tell. It is no resource, so that no URL gets into the state. */
  #invoke(request: messages.InvokeRequest): messages.InvokeResponse {
    if (request.getTok() !== notifyFunction)
      throw new Error(`The provider 'upgrade' has no function '${request.getTok()}'.`);
    const { targets } = decodeProperties(request.getArgs()) as { targets?: readonly NotifyTarget[] };
    this.#session.announcer = new Announcer(targets ?? []);
    const response = new messages.InvokeResponse();
    const told = (targets ?? []).map(({ format, events }) => `${format}: ${events.join(", ")}`);
    response.setReturn(encodeProperties({ told }));
    return response;
  }

  /** An engine cancels what it was asked to, and whatever is there when it ends: it waits for the answer. */
  async #cancel(): Promise<Empty> {
    this.#session.cancel("The operation was cancelled.");
    await this.bringBack();
    return new Empty();
  }

  /**
   * Brings the old release back when an attempt is open and none of its phases is under way, and so none is there to do
   * it: after a Ctrl-C between two phases or during a resource that is not ours, or when such a resource has failed.
   */
  bringBack(): Promise<void> {
    if (this.isBusy && this.#wayBack === null) return Promise.resolve();
    const attempt = this.#session.close();
    if (attempt !== null) this.#wayBack = this.#whole("", this.#settle(attempt));
    return this.#wayBack ?? Promise.resolve();
  }

  async #settle(attempt: Attempt): Promise<void> {
    const log = this.#engine.logOf("");
    const progress = (line: string) => log.progress(line);
    const failure = "The run ended before its last phase.";
    const signal = await this.#session.signalForWayBack(attempt, progress);
    const text = `${failure}\n${await settleBetweenPhases(attempt, failure, { signal, progress })}`;
    log.warning(text);
    await tellEnd(attempt, { kind: "failed", text }, earsOf({ log }));
  }

  #route(urn: string): { handler: ResourceHandler; call: Call } {
    const type = urn.split("::")[2]?.split("$").at(-1) ?? "";
    const handler = this.#handlers[type];
    if (!handler) throw new Error(`The provider 'upgrade' has no resource type '${type}'.`);
    return { handler, call: { urn, session: this.#session, log: this.#engine.logOf(urn) } };
  }

  async #check(request: messages.CheckRequest): Promise<messages.CheckResponse> {
    const { handler, call } = this.#route(request.getUrn());
    const old = decodeProperties(request.getOlds());
    const inputs = decodeProperties(request.getNews());
    const checked = await handler.check(call, inputs, Object.keys(old).length > 0 ? old : null);
    const response = new messages.CheckResponse();
    response.setInputs(encodeProperties(checked.inputs));
    response.setFailuresList(
      checked.faults.map(({ property, reason }) => {
        const failure = new messages.CheckFailure();
        failure.setProperty(property);
        failure.setReason(reason);
        return failure;
      }),
    );
    return response;
  }

  async #diff(request: messages.DiffRequest): Promise<messages.DiffResponse> {
    const { handler, call } = this.#route(request.getUrn());
    const old = decodeProperties(request.getOldInputs());
    const state = decodeProperties(request.getOlds());
    const changes = await this.#told(handler.diff(call, decodeProperties(request.getNews()), old, state));
    const response = new messages.DiffResponse();
    const { DIFF_NONE, DIFF_SOME } = messages.DiffResponse.DiffChanges;
    response.setChanges(changes.length === 0 ? DIFF_NONE : DIFF_SOME);
    response.setDiffsList([...new Set(changes.map(({ path }) => path.split(/[.[]/)[0] ?? path))]);
    response.setHasdetaileddiff(true);
    for (const { path, kind } of changes) {
      const difference = new messages.PropertyDiff();
      difference.setKind(changeKinds[kind]);
      difference.setInputdiff(true);
      response.getDetaileddiffMap().set(path, difference);
    }
    return response;
  }

  async #create(request: messages.CreateRequest): Promise<messages.CreateResponse> {
    const { handler, call } = this.#route(request.getUrn());
    const inputs = decodeProperties(request.getProperties());
    const preview = request.getPreview();
    const id = request.getName() || (request.getUrn().split("::").at(-1) ?? "");
    const outputs = await this.#whole(id, handler.apply(call, { old: null, inputs, preview }));
    const response = new messages.CreateResponse();
    response.setId(preview ? "" : id);
    response.setProperties(encodeProperties(outputs));
    return response;
  }

  async #update(request: messages.UpdateRequest): Promise<messages.UpdateResponse> {
    const { handler, call } = this.#route(request.getUrn());
    const old = decodeProperties(request.getOlds());
    const inputs = decodeProperties(request.getNews());
    const outputs = await this.#whole(
      request.getId(),
      handler.apply(call, { old, inputs, preview: request.getPreview() }),
    );
    const response = new messages.UpdateResponse();
    response.setProperties(encodeProperties(outputs));
    return response;
  }

  /** Messages of the work reach the engine before its answer does; a partial failure learns its resource's id. */
  async #whole<T>(id: string, work: Promise<T>): Promise<T> {
    this.#underWay += 1;
    try {
      return await work;
    } catch (error) {
      if (error instanceof PartialFailure) error.id = id;
      throw error;
    } finally {
      await this.#engine.flushed();
      this.#underWay -= 1;
    }
  }

  /** The same for what is not work. */
  async #told<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } finally {
      await this.#engine.flushed();
    }
  }

  /** Never answers without an id: a database that cannot be reached must not make a resource vanish from the state. */
  async #read(request: messages.ReadRequest): Promise<messages.ReadResponse> {
    const { handler, call } = this.#route(request.getUrn());
    const response = new messages.ReadResponse();
    response.setId(request.getId());
    const state = decodeProperties(request.getProperties());
    const found = (await handler.read?.(call, state)) ?? {};
    response.setProperties(encodeProperties({ ...state, ...found }));
    response.setInputs(encodeProperties({ ...decodeProperties(request.getInputs()), ...found }));
    return response;
  }

  async #delete(request: messages.DeleteRequest): Promise<Empty> {
    const { handler, call } = this.#route(request.getUrn());
    await this.#whole(request.getId(), handler.forget(call, decodeProperties(request.getProperties())));
    return new Empty();
  }
}

function handshake(): messages.ProviderHandshakeResponse {
  const response = new messages.ProviderHandshakeResponse();
  response.setAcceptSecrets(true);
  response.setAcceptResources(true);
  return response;
}

function echo(request: messages.CheckRequest): messages.CheckResponse {
  const response = new messages.CheckResponse();
  response.setInputs(request.getNews());
  return response;
}

function pluginInfo(): PluginInfo {
  const info = new PluginInfo();
  info.setVersion(programVersion);
  return info;
}
