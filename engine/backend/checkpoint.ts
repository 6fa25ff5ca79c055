import { createHash } from "node:crypto";
import fs from "node:fs";

import { openSecrets, type Secrets } from "../config/secrets";
import { ExitCode, NotImplementedError, OperatorError } from "../errors";
import { omit } from "../property/omit";
import { StateCodec } from "../state/codec";
import type { PendingOperation, ResourceState } from "../state/resource";
import { faultOf } from "./checkpoint-faults";
import { rfc3339Nano } from "./clock";
import { keepAs, listIfThere, readIfThere, writeDurably } from "./files";
import type { Location } from "./location";

/** What this engine calls itself in the states that it writes. */
export const engineVersion = "octollm-engine/0.1.0";

type Json = Record<string, unknown>;

/** The part of a checkpoint that `stack export` shows. */
export interface Deployment extends Json {
  manifest?: { time?: string; magic?: string; version?: string } & Json;
  secrets_providers?: { type: string; state?: { salt?: string } };
  resources?: Json[];
  pending_operations?: { resource: Json; type: PendingOperation["type"] }[];
}

/** The file of a stack. */
export interface Checkpoint extends Json {
  version: number;
  features?: string[];
  checkpoint: { stack: string; latest?: Deployment } & Json;
}

/** A state with its secrets decrypted. */
export interface LoadedState {
  checkpoint: Checkpoint;
  resources: ResourceState[];
  pending: PendingOperation[];
  codec: StateCodec;
}

/** Features of states of version 4 that this engine has; a state that uses none is of version 3. */
const knownFeatures = ["taint"];

const refusedResourceKeys: Record<string, string> = {
  viewOf: "views (resources that a provider published)",
  resourceHooks: "resource hooks",
  refreshBeforeUpdate: "refreshBeforeUpdate",
  replaceWith: "replaceWith",
  extensionRef: "extension parameterization",
  snippetID: "snippets",
};

function refuseUnknownFeatures(checkpoint: Checkpoint): void {
  const { version, features = [] } = checkpoint;
  const unknown = features.filter((feature) => !knownFeatures.includes(feature));
  if (unknown.length > 0)
    throw new NotImplementedError(`the state feature${unknown.length > 1 ? "s" : ""} ${unknown.join(", ")}`);
  if (![0, 3, 4].includes(version)) throw new NotImplementedError(`states of version ${version}`);
  for (const resource of checkpoint.checkpoint.latest?.resources ?? []) {
    const refused = Object.keys(refusedResourceKeys).find((key) => resource[key]);
    if (refused)
      throw new NotImplementedError(`${refusedResourceKeys[refused]}, which the state of ${String(resource.urn)} uses`);
  }
}

function malformed(file: string, what: string): OperatorError {
  return new OperatorError(
    `the state file ${file} cannot be read: ${what}. It was not touched; the state before the last write is ${file}.bak`,
  );
}

/** Reads a checkpoint; what is not one, or not whole, is refused with the name of the file that it stands in. */
export function parseCheckpoint(file: string, text: string): Checkpoint {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw malformed(file, (error as Error).message);
  }
  const fault = faultOf(parsed);
  if (fault) throw malformed(file, fault);
  const checkpoint = parsed as Checkpoint;
  refuseUnknownFeatures(checkpoint);
  return checkpoint;
}

/** Names of the stacks in the state folder. */
export function stackNames(location: Location): string[] {
  const files = listIfThere(location.stacksFolder);
  const packed = files.find((name) => /\.json\.(gz|zst)$/.test(name));
  if (packed) throw new NotImplementedError(`compressed states (${packed})`);
  return files
    .filter((name) => name.endsWith(".json") && !name.startsWith("."))
    .map((name) => name.slice(0, -".json".length));
}

/** A stack's checkpoint as it stands in the file. */
export function readCheckpoint(location: Location, stack: string): Checkpoint {
  stackNames(location);
  const file = location.checkpoint(stack);
  const text = readIfThere(file);
  if (text === undefined) throw new OperatorError(`no stack named '${stack}' found`, ExitCode.stackNotFound);
  return parseCheckpoint(file, text);
}

/** When a stack's state was last written. */
export function lastWritten(location: Location, stack: string): Date {
  return fs.statSync(location.checkpoint(stack)).mtime;
}

/** Writes a stack's first, empty checkpoint. */
export function createCheckpoint(location: Location, stack: string): void {
  if (stackNames(location).includes(stack)) throw new OperatorError(`stack '${stack}' already exists`);
  location.initialise();
  const empty = { version: 0, checkpoint: { stack: `organization/${location.project}/${stack}` } };
  writeDurably(location.checkpoint(stack), JSON.stringify(empty));
}

/** Decrypts a checkpoint; its own secrets provider goes before the stack's settings. */
export async function loadState(
  checkpoint: Checkpoint,
  secrets: Secrets | undefined,
  passphrase: string | undefined,
): Promise<LoadedState> {
  const latest = checkpoint.checkpoint.latest;
  const provider = latest?.secrets_providers;
  if (provider && provider.type !== "passphrase")
    throw new NotImplementedError(`the secrets provider '${provider.type}'`);
  const salt = provider?.state?.salt;
  const own = salt && salt !== secrets?.salt ? await openSecrets(salt, passphrase) : secrets;
  const codec = new StateCodec(own);
  const resources = (latest?.resources ?? []).map((resource) => codec.decode(resource));
  const pending = (latest?.pending_operations ?? []).map(({ resource, type }) => ({
    resource: codec.decode(resource),
    type,
  }));
  // What is written from now on is encrypted by the stack's settings, as the CLI does.
  const next = own === secrets ? codec : new StateCodec(secrets);
  return { checkpoint, resources, pending, codec: next };
}

/** The text of a checkpoint with new resources; keys that this engine does not know stay. */
export function encodeCheckpoint(
  base: Checkpoint,
  codec: StateCodec,
  salt: string | undefined,
  resources: readonly ResourceState[],
  pending: readonly PendingOperation[],
): string {
  const latest = base.checkpoint.latest ?? {};
  const manifest = { time: rfc3339Nano(), magic: magicOf(engineVersion), version: engineVersion };
  const rest = omit(latest, "manifest", "secrets_providers", "resources", "pending_operations");
  const head = JSON.stringify({
    manifest,
    secrets_providers: salt === undefined ? latest.secrets_providers : { type: "passphrase", state: { salt } },
  }).slice(0, -1);
  const operations = pending.map(({ resource, type }) => `{"resource":${codec.encode(resource)},"type":"${type}"}`);
  const metadata = JSON.stringify({ metadata: {}, ...rest }).slice(1);
  const lists = [
    resources.length > 0 ? `"resources":[${resources.map((resource) => codec.encode(resource)).join(",")}],` : "",
    operations.length > 0 ? `"pending_operations":[${operations.join(",")}],` : "",
  ].join("");
  const outer = omit(base.checkpoint, "latest");
  const features = resources.some(({ taint }) => taint === true) ? { version: 4, features: ["taint"] } : { version: 3 };
  const top = omit(base, "version", "features", "checkpoint");
  const checkpoint = `${JSON.stringify(outer).slice(0, -1)},"latest":${head},${lists}${metadata}}`;
  return `${JSON.stringify({ ...features, ...top }).slice(0, -1)},"checkpoint":${checkpoint}}`;
}

/** Replaces a stack's checkpoint; the present one becomes `.bak`. */
export function writeCheckpoint(location: Location, stack: string, text: string): void {
  const file = location.checkpoint(stack);
  keepAs(file, `${file}.bak`);
  writeDurably(file, text);
}

function magicOf(version: string): string {
  return createHash("sha256").update(version).digest("hex");
}
