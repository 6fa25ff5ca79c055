import { randomBytes } from "node:crypto";

import { ClusterError } from "../../../runtimes/kubernetes/errors";
import { messageOf } from "../../errors";
import * as provider from "../../plugins/provider";
import { containsUnknowns, type PropertyMap, unwrapSecrets } from "../../property/value";
import { awaitDeleted, type Awaiting, awaitReady, inspectReadiness, NotReadyError } from "./await";
import { checkObject, suffix } from "./check";
import { type Checkpoint, checkpoint, markSecrets, parseCheckpoint } from "./checkpoint";
import { Cluster } from "./cluster";
import { pruned } from "./diff";
import { diffObject } from "./diff-object";
import { fieldManagerOf, isForced, takenOver, withoutIgnored } from "./field-managers";
import { idOf, type Kind, kindOf, parseId } from "./kinds";
import { annotationOf, annotations, metadataText, withMetadata } from "./metadata";
import { normalInputs } from "./normal";
import { checkSettings, diffSettings, readSettings, type Settings } from "./settings";

const plain = (properties: PropertyMap): PropertyMap => unwrapSecrets(properties) as PropertyMap;
const newManager = (): string => suffix(randomBytes(32));

/**
 * The engine's stand-in for the kinds in kinds.ts where the plugin of @pulumi/kubernetes is not installed: the same checks,
 * differences, ids, outputs and field managers, so that the plugin can take over. No server is asked before there is
 * something to do.
 */
export class KubernetesProvider implements provider.ResourceProvider {
  readonly supportsPreview = true;
  readonly #env: NodeJS.ProcessEnv;
  readonly #log: (urn: string, line: string) => void;
  readonly #cancelled = new AbortController();
  #settings: Settings;
  #cluster: Cluster;

  /** @param log - lines for the operator, about one resource */
  constructor(env: NodeJS.ProcessEnv, log: (urn: string, line: string) => void) {
    this.#env = env;
    this.#log = log;
    this.#settings = readSettings({}, env);
    this.#cluster = new Cluster(this.#settings);
  }

  checkConfig({ news }: provider.CheckRequest): Promise<provider.CheckResult> {
    return Promise.resolve().then(() => checkSettings(news));
  }

  diffConfig(request: provider.DiffRequest): Promise<provider.DiffResult> {
    return Promise.resolve().then(() => diffSettings(request));
  }

  configure(_identity: provider.ResourceIdentity & { id: string }, inputs: PropertyMap): Promise<void> {
    this.#settings = readSettings(inputs, this.#env);
    this.#cluster = new Cluster(this.#settings);
    return Promise.resolve();
  }

  check(request: provider.CheckRequest): Promise<provider.CheckResult> {
    return checkObject(request, () => this.#cluster.namespace());
  }

  diff(request: provider.DiffRequest): Promise<provider.DiffResult> {
    return Promise.resolve().then(() => diffObject(request, this.#settings));
  }

  async create({ urn, type, inputs, timeout, preview }: provider.CreateRequest): Promise<provider.CreateResult> {
    const kind = kindOf(type);
    const object = plain(inputs);
    if (preview && containsUnknowns(object)) return { id: "", outputs: inputs };
    const manager = fieldManagerOf(object, "", newManager);
    const known = { inputs: object, fieldManager: manager, initialApiVersion: kind.apiVersion };
    const live = await this.#make(kind, object, manager, preview).catch((error: unknown) => {
      if (preview && isNoPreview(error)) return null;
      throw new Error(`${urn} was not created: ${messageOf(error)}`, { cause: error });
    });
    if (live === null) return { id: "", outputs: inputs };
    if (preview) return { id: "", outputs: checkpoint({ ...known, live: withoutStatus(live) }, inputs) };
    const awaiting = this.#awaiting(kind, object, live, timeout, urn);
    const ready = await this.#settled(awaiting, known, inputs, "was created, but is not in order");
    return { id: objectId(ready), outputs: checkpoint({ ...known, live: ready }, inputs) };
  }

  /** Without `upsertExistingObjects` what is there already is an error, as with the plugin. */
  async #make(kind: Kind, object: PropertyMap, fieldManager: string, dryRun: boolean): Promise<PropertyMap> {
    if (!this.#settings.upsertExistingObjects) return this.#cluster.create(kind, object, dryRun);
    const force = isForced(object, null, this.#settings.enablePatchForce, dryRun);
    return this.#cluster.apply(kind, object, { fieldManager, force, dryRun });
  }

  async update(request: provider.UpdateRequest): Promise<PropertyMap> {
    const { type, news, oldOutputs, preview, timeout, urn } = request;
    const kind = kindOf(type);
    const object = normalInputs(plain(news));
    if (preview && containsUnknowns(object)) return news;
    const old = parseCheckpoint(oldOutputs);
    const fieldManager = fieldManagerOf(object, old.fieldManager, newManager);
    const known = { inputs: object, fieldManager, initialApiVersion: old.initialApiVersion || kind.apiVersion };
    try {
      const live = await this.#apply(kind, object, old, { ...request, fieldManager });
      if (preview) return checkpoint({ ...known, live }, news);
      const awaiting = this.#awaiting(kind, object, live, timeout, urn);
      const ready = await this.#settled(awaiting, known, news, "was changed, but is not in order");
      await this.#relinquish(kind, ready, old, fieldManager);
      return checkpoint({ ...known, live: ready }, news);
    } catch (error) {
      if (error instanceof provider.InitError) throw error;
      if (preview && error instanceof ClusterError && error.status === 403) return news;
      return this.#failedUpdate(kind, request, known, error);
    }
  }

  async #apply(
    kind: Kind,
    object: PropertyMap,
    old: Checkpoint,
    {
      fieldManager,
      preview,
      ignoreChanges,
    }: { fieldManager: string; preview: boolean; ignoreChanges: readonly string[] },
  ): Promise<PropertyMap> {
    const [namespace, name] = [metadataText(old.live, "namespace"), metadataText(old.live, "name")];
    const found = await this.#cluster.get(kind, namespace, name);
    if (found === null)
      throw new ClusterError(
        `${kind.kind} '${idOf(namespace, name)}' is not there any more. Run 'octollm up --refresh' to make it anew`,
        404,
      );
    const entries = preview ? null : takenOver(found, fieldManager);
    const patch = [{ op: "replace", path: "/metadata/managedFields", value: entries }];
    const before = entries === null ? found : await this.#cluster.patch(kind, found, patch, fieldManager);
    const wanted = withoutIgnored(object, before, fieldManager, ignoreChanges);
    const force = isForced(object, before, this.#settings.enablePatchForce, preview);
    return this.#cluster.apply(kind, wanted, { fieldManager, force, dryRun: preview });
  }

  /** The state of an update that failed knows what was wanted and what is there, so that the next run tells the difference. */
  async #failedUpdate(
    kind: Kind,
    { news, id, preview }: provider.UpdateRequest,
    known: Omit<Checkpoint, "live">,
    error: unknown,
  ): Promise<never> {
    const { namespace, name } = parseId(id);
    const text = `${kind.kind} '${id}' was not changed: ${messageOf(error)}`;
    const live = preview ? null : await this.#cluster.get(kind, namespace, name).catch(() => null);
    if (live === null) throw new Error(text, { cause: error });
    throw new provider.InitError(id, checkpoint({ ...known, live }, news), undefined, [text]);
  }

  /** Whoever applied it before under another name gives that name's fields up. */
  async #relinquish(kind: Kind, live: PropertyMap, { fieldManager, inputs }: Checkpoint, now: string): Promise<void> {
    const before = fieldManagerOf(inputs, fieldManager, () => "");
    if (before === now || fieldManager === "") return;
    const { apiVersion, kind: name, metadata } = live;
    const { namespace } = metadata as PropertyMap;
    const nothing = withMetadata(
      { apiVersion: apiVersion ?? null, kind: name ?? null },
      { name: metadataText(live, "name"), namespace },
    );
    await this.#cluster.apply(kind, nothing, { fieldManager: before, force: false, dryRun: false });
  }

  async read(request: provider.ReadRequest): Promise<provider.ReadResult> {
    const { urn, type, id } = request;
    const kind = kindOf(type);
    const { namespace, name } = parseId(id);
    const isImport = Object.keys(request.inputs).length === 0 && Object.keys(request.outputs).length === 0;
    const live = await this.#cluster.get(
      kind,
      namespace || (kind.namespaced ? await this.#cluster.namespace() : ""),
      name,
    );
    if (live === null) return { id: "", outputs: {} };
    const old = parseCheckpoint(request.outputs);
    const inputs = isImport ? importedInputs(live) : pruned(live, normalInputs(plain(request.inputs)));
    const known = {
      inputs,
      live,
      fieldManager: fieldManagerOf(inputs, old.fieldManager, newManager),
      initialApiVersion: old.initialApiVersion || kind.apiVersion,
    };
    const outputs = checkpoint(known, request.inputs);
    const marked = markSecrets(inputs, request.inputs);
    const reasons = isImport ? [] : await inspectReadiness(this.#awaiting(kind, inputs, live, 0, urn));
    if (reasons.length > 0) throw new provider.InitError(id, outputs, marked, [...reasons]);
    return { id, outputs, inputs: marked };
  }

  async delete({ urn, type, id, outputs, timeout }: provider.DeleteRequest): Promise<void> {
    const kind = kindOf(type);
    const { inputs, live } = parseCheckpoint(outputs);
    const { namespace, name } = parseId(id);
    const wanted = annotationOf(inputs, annotations.deletionPropagation).toLowerCase();
    const policy = { orphan: "Orphan", background: "Background" }[wanted] ?? "Foreground";
    if (!(await this.#cluster.delete(kind, namespace, name, policy))) return;
    await awaitDeleted(this.#awaiting(kind, inputs, live, timeout, urn));
  }

  #awaiting(kind: Kind, inputs: PropertyMap, live: PropertyMap, timeout: number, urn: string): Awaiting {
    const log = (line: string): void => this.#log(urn, line);
    return { cluster: this.#cluster, kind, inputs, live, timeout, log, cancelled: this.#cancelled.signal };
  }

  async #settled(
    awaiting: Awaiting,
    known: Omit<Checkpoint, "live">,
    marked: PropertyMap,
    what: string,
  ): Promise<PropertyMap> {
    try {
      return await awaitReady(awaiting);
    } catch (error) {
      if (!(error instanceof NotReadyError)) throw error;
      const id = objectId(awaiting.live);
      const reasons = [`${awaiting.kind.kind} '${id}' ${what}: ${error.message}`, ...error.reasons];
      throw new provider.InitError(id, checkpoint({ ...known, live: error.live }, marked), undefined, reasons);
    }
  }

  invoke(token: string): Promise<provider.CheckResult> {
    return Promise.reject(new Error(`the standalone engine has no function ${token} without its plugin`));
  }

  cancel(): Promise<void> {
    this.#cancelled.abort();
    return Promise.resolve();
  }

  close(): Promise<void> {
    return this.cancel();
  }
}

const objectId = (live: PropertyMap): string => idOf(metadataText(live, "namespace"), metadataText(live, "name"));

const withoutStatus = (live: PropertyMap): PropertyMap =>
  Object.fromEntries(Object.entries(live).filter(([key]) => key !== "status"));

/** Without the right to try, or the namespace that comes first, a preview shows what the program says. */
const isNoPreview = (error: unknown): boolean =>
  error instanceof ClusterError && (error.status === 403 || error.status === 404 || error.status === 409);

const serverAnnotations = ["deployment.kubernetes.io/revision", "kubectl.kubernetes.io/last-applied-configuration"];

/** All that a program would have to say of an object. */
function importedInputs(live: PropertyMap): PropertyMap {
  const said = withoutStatus(live);
  const own = Object.entries((said.metadata as PropertyMap | undefined)?.annotations ?? {});
  const kept = own.filter(([key]) => !serverAnnotations.includes(key));
  return normalInputs(withMetadata(said, { annotations: own.length > 0 ? Object.fromEntries(kept) : undefined }));
}
