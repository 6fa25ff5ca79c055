import { credentials } from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as rpc from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import type { Struct } from "google-protobuf/google/protobuf/struct_pb";

import { annotateSecrets } from "../property/annotate-secrets";
import { containsUnknowns, type PropertyMap, unwrapSecrets } from "../property/value";
import { fromStruct, toStruct } from "../property/wire";
import { packageOf } from "../state/urn";
import { call, channelOptions, isUnimplemented } from "./grpc-call";
import * as provider from "./provider";

const changes = ["unknown", "none", "some"] as const;
const kinds = ["add", "add-replace", "delete", "delete-replace", "update", "update-replace"] as const;

interface Identified {
  setUrn(urn: string): unknown;
  setName(name: string): unknown;
  setType(type: string): unknown;
}

function identify<Request extends Identified>(request: Request, identity: provider.ResourceIdentity): Request {
  request.setUrn(identity.urn);
  request.setName(identity.name);
  request.setType(identity.type);
  return request;
}

function readCheck(response: rpc.CheckResponse): provider.CheckResult {
  const failures = response
    .getFailuresList()
    .map((failure) => ({ property: failure.getProperty(), reason: failure.getReason() }));
  return { inputs: fromStruct(response.getInputs()), failures };
}

function readDiff(response: rpc.DiffResponse): provider.DiffResult {
  const detailedDiff: Record<string, provider.PropertyDiff> = {};
  response.getDetaileddiffMap().forEach((diff, path) => {
    detailedDiff[path] = { kind: kinds[diff.getKind()], inputDiff: diff.getInputdiff() };
  });
  return {
    changes: changes[response.getChanges()],
    replaceKeys: response.getReplacesList(),
    changedKeys: response.getDiffsList(),
    deleteBeforeReplace: response.getDeletebeforereplace(),
    ...(response.getHasdetaileddiff() ? { detailedDiff } : {}),
  };
}

/** A provider that is a process of its own and speaks Pulumi's provider protocol. */
export class GrpcProvider implements provider.ResourceProvider {
  readonly #client: ResourceProviderClient;
  readonly #end: () => Promise<void>;
  #handshaken = false;
  #supportsPreview = true;
  #acceptsSecrets = true;

  constructor(address: string, end: () => Promise<void>) {
    this.#client = new ResourceProviderClient(address, credentials.createInsecure(), channelOptions);
    this.#end = end;
  }

  get supportsPreview(): boolean {
    return this.#supportsPreview;
  }

  /** The first call; plugins from before there was a handshake are asked again in Configure. */
  async handshake(engineAddress: string, rootFolder: string, programFolder: string): Promise<void> {
    const request = new rpc.ProviderHandshakeRequest();
    request.setEngineAddress(engineAddress);
    request.setRootDirectory(rootFolder);
    request.setProgramDirectory(programFolder);
    request.setConfigureWithUrn(true);
    request.setInvokeWithPreview(true);
    try {
      const response = await call<rpc.ProviderHandshakeRequest, rpc.ProviderHandshakeResponse>(
        (message, done) => this.#client.handshake(message, done),
        request,
      );
      this.#handshaken = true;
      this.#acceptsSecrets = response.getAcceptSecrets();
    } catch (error) {
      if (!isUnimplemented(error)) throw error;
    }
  }

  /** A provider that knows no secrets would lose their marks, so it is given them in clear, */
  #struct(properties: PropertyMap): Struct {
    return toStruct(this.#acceptsSecrets ? properties : (unwrapSecrets(properties) as PropertyMap));
  }

  /** and what it answers is marked as it was asked. */
  #annotated(answer: PropertyMap, question: PropertyMap): PropertyMap {
    return this.#acceptsSecrets ? answer : annotateSecrets(answer, question);
  }

  #checkRequest(request: provider.CheckRequest): rpc.CheckRequest {
    const message = identify(new rpc.CheckRequest(), request);
    message.setOlds(this.#struct(request.olds));
    message.setNews(this.#struct(request.news));
    if (request.randomSeed) message.setRandomseed(request.randomSeed);
    return message;
  }

  #diffRequest(request: provider.DiffRequest): rpc.DiffRequest {
    const message = identify(new rpc.DiffRequest(), request);
    message.setId(request.id);
    message.setOlds(this.#struct(request.oldOutputs));
    message.setOldInputs(this.#struct(request.oldInputs));
    message.setNews(this.#struct(request.news));
    message.setIgnorechangesList([...request.ignoreChanges]);
    return message;
  }

  async checkConfig(request: provider.CheckRequest): Promise<provider.CheckResult> {
    try {
      return readCheck(
        await call<rpc.CheckRequest, rpc.CheckResponse>(
          (message, done) => this.#client.checkConfig(message, done),
          this.#checkRequest(request),
        ),
      );
    } catch (error) {
      if (isUnimplemented(error)) return { inputs: request.news, failures: [] };
      throw error;
    }
  }

  async diffConfig(request: provider.DiffRequest): Promise<provider.DiffResult> {
    try {
      return readDiff(
        await call<rpc.DiffRequest, rpc.DiffResponse>(
          (message, done) => this.#client.diffConfig(message, done),
          this.#diffRequest(request),
        ),
      );
    } catch (error) {
      if (isUnimplemented(error)) return provider.unknownDiff;
      throw error;
    }
  }

  async configure(identity: provider.ResourceIdentity & { id: string }, inputs: PropertyMap): Promise<void> {
    const request = identify(new rpc.ConfigureRequest(), identity);
    request.setId(identity.id);
    request.setArgs(this.#struct(inputs));
    request.setAcceptsecrets(true);
    request.setAcceptresources(true);
    request.setSendsOldInputs(true);
    request.setSendsOldInputsToDelete(true);
    const variables = request.getVariablesMap();
    // Plugins that do not read the arguments look for them under the names that they have in a stack's configuration.
    for (const [key, value] of Object.entries(unwrapSecrets(inputs) as PropertyMap)) {
      const name = `${packageOf(identity.type)}:config:${key}`;
      if (!containsUnknowns(value)) variables.set(name, typeof value === "string" ? value : JSON.stringify(value));
    }
    const response = await call<rpc.ConfigureRequest, rpc.ConfigureResponse>(
      (message, done) => this.#client.configure(message, done),
      request,
    );
    if (this.#handshaken) return;
    this.#supportsPreview = response.getSupportspreview();
    this.#acceptsSecrets = response.getAcceptsecrets();
  }

  async check(request: provider.CheckRequest): Promise<provider.CheckResult> {
    const { inputs, failures } = readCheck(
      await call<rpc.CheckRequest, rpc.CheckResponse>(
        (message, done) => this.#client.check(message, done),
        this.#checkRequest(request),
      ),
    );
    return { inputs: this.#annotated(inputs, request.news), failures };
  }

  async diff(request: provider.DiffRequest): Promise<provider.DiffResult> {
    return readDiff(
      await call<rpc.DiffRequest, rpc.DiffResponse>(
        (message, done) => this.#client.diff(message, done),
        this.#diffRequest(request),
      ),
    );
  }

  async create(request: provider.CreateRequest): Promise<provider.CreateResult> {
    const message = identify(new rpc.CreateRequest(), request);
    message.setProperties(this.#struct(request.inputs));
    message.setTimeout(request.timeout);
    message.setPreview(request.preview);
    const response = await call<rpc.CreateRequest, rpc.CreateResponse>(
      (message, done) => this.#client.create(message, done),
      message,
    );
    if (!request.preview && response.getId() === "") {
      throw new Error(`the provider created ${request.urn} without an id; the engine cannot remember it`);
    }
    return { id: response.getId(), outputs: this.#annotated(fromStruct(response.getProperties()), request.inputs) };
  }

  async update(request: provider.UpdateRequest): Promise<PropertyMap> {
    const message = identify(new rpc.UpdateRequest(), request);
    message.setId(request.id);
    message.setOlds(this.#struct(request.oldOutputs));
    message.setOldInputs(this.#struct(request.oldInputs));
    message.setNews(this.#struct(request.news));
    message.setIgnorechangesList([...request.ignoreChanges]);
    message.setTimeout(request.timeout);
    message.setPreview(request.preview);
    const response = await call<rpc.UpdateRequest, rpc.UpdateResponse>(
      (message, done) => this.#client.update(message, done),
      message,
    );
    return this.#annotated(fromStruct(response.getProperties()), request.news);
  }

  async read(request: provider.ReadRequest): Promise<provider.ReadResult> {
    const message = identify(new rpc.ReadRequest(), request);
    message.setId(request.id);
    message.setTimeout(request.timeout);
    message.setInputs(this.#struct(request.inputs));
    message.setProperties(this.#struct(request.outputs));
    const response = await call<rpc.ReadRequest, rpc.ReadResponse>(
      (message, done) => this.#client.read(message, done),
      message,
    );
    const inputs = response.getInputs();
    return {
      id: response.getId(),
      outputs: this.#annotated(fromStruct(response.getProperties()), request.outputs),
      ...(inputs ? { inputs: this.#annotated(fromStruct(inputs), request.inputs) } : {}),
    };
  }

  async delete(request: provider.DeleteRequest): Promise<void> {
    const message = identify(new rpc.DeleteRequest(), request);
    message.setId(request.id);
    message.setProperties(this.#struct(request.outputs));
    message.setOldInputs(this.#struct(request.inputs));
    message.setTimeout(request.timeout);
    await call((message, done) => this.#client.delete(message, done), message);
  }

  async invoke(token: string, args: PropertyMap, preview: boolean): Promise<provider.CheckResult> {
    const request = new rpc.InvokeRequest();
    request.setTok(token);
    request.setArgs(this.#struct(args));
    request.setPreview(preview);
    const response = await call<rpc.InvokeRequest, rpc.InvokeResponse>(
      (message, done) => this.#client.invoke(message, done),
      request,
    );
    const failures = response
      .getFailuresList()
      .map((failure) => ({ property: failure.getProperty(), reason: failure.getReason() }));
    return { inputs: fromStruct(response.getReturn()), failures };
  }

  async cancel(): Promise<void> {
    try {
      await call((message, done) => this.#client.cancel(message, done), new Empty());
    } catch {
      // A plugin that cannot be asked is interrupted all the same.
    }
  }

  async close(): Promise<void> {
    this.#client.close();
    await this.#end();
  }
}
