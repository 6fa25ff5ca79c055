import type { PropertyMap } from "../property/value";

/** Which resource a provider is asked about. */
export interface ResourceIdentity {
  urn: string;
  type: string;
  name: string;
}

export interface CheckRequest extends ResourceIdentity {
  olds: PropertyMap;
  news: PropertyMap;
  randomSeed?: Buffer;
}

export interface CheckResult {
  inputs: PropertyMap;
  failures: { property: string; reason: string }[];
}

export interface DiffRequest extends ResourceIdentity {
  id: string;
  oldInputs: PropertyMap;
  oldOutputs: PropertyMap;
  news: PropertyMap;
  ignoreChanges: readonly string[];
}

/** How a property changes: Pulumi's PropertyDiff. */
export interface PropertyDiff {
  kind: "add" | "add-replace" | "delete" | "delete-replace" | "update" | "update-replace";
  inputDiff: boolean;
}

export interface DiffResult {
  changes: "unknown" | "none" | "some";
  replaceKeys: string[];
  changedKeys: string[];
  deleteBeforeReplace: boolean;
  detailedDiff?: Record<string, PropertyDiff>;
  /** Why the provider could not be asked. */
  unavailable?: string;
}

export interface CreateRequest extends ResourceIdentity {
  inputs: PropertyMap;
  timeout: number;
  preview: boolean;
}

export interface CreateResult {
  id: string;
  outputs: PropertyMap;
}

export interface UpdateRequest extends DiffRequest {
  timeout: number;
  preview: boolean;
}

export interface ReadRequest extends ResourceIdentity {
  id: string;
  inputs: PropertyMap;
  outputs: PropertyMap;
  timeout: number;
}

export interface ReadResult {
  /** Empty when there is no such resource. */
  id: string;
  outputs: PropertyMap;
  inputs?: PropertyMap | undefined;
}

export interface DeleteRequest extends ResourceIdentity {
  id: string;
  inputs: PropertyMap;
  outputs: PropertyMap;
  timeout: number;
}

/** A resource that exists but is not in order: it is remembered, and the run fails. */
export class InitError extends Error {
  readonly id: string;
  readonly outputs: PropertyMap;
  readonly inputs: PropertyMap | undefined;
  readonly reasons: string[];

  constructor(id: string, outputs: PropertyMap, inputs: PropertyMap | undefined, reasons: string[]) {
    super(reasons.join("; "));
    this.name = "InitError";
    this.id = id;
    this.outputs = outputs;
    this.inputs = inputs;
    this.reasons = reasons;
  }
}

/** What the engine asks of a provider, whether it is a plugin or a stand-in. */
export interface ResourceProvider {
  /** False: the engine makes up a preview's outputs from the inputs. */
  readonly supportsPreview: boolean;
  checkConfig(request: CheckRequest): Promise<CheckResult>;
  diffConfig(request: DiffRequest): Promise<DiffResult>;
  configure(identity: ResourceIdentity & { id: string }, inputs: PropertyMap): Promise<void>;
  check(request: CheckRequest): Promise<CheckResult>;
  diff(request: DiffRequest): Promise<DiffResult>;
  create(request: CreateRequest): Promise<CreateResult>;
  update(request: UpdateRequest): Promise<PropertyMap>;
  read(request: ReadRequest): Promise<ReadResult>;
  delete(request: DeleteRequest): Promise<void>;
  invoke(token: string, args: PropertyMap, preview: boolean): Promise<CheckResult>;
  /** Asks for running operations to be given up. */
  cancel(): Promise<void>;
  /** Ends the provider. */
  close(): Promise<void>;
}

export const noDiff: DiffResult = { changes: "none", replaceKeys: [], changedKeys: [], deleteBeforeReplace: false };
export const someDiff: DiffResult = { ...noDiff, changes: "some" };
export const unknownDiff: DiffResult = { ...noDiff, changes: "unknown" };
