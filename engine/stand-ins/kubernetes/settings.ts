import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";

import { parse } from "yaml";

import { NotImplementedError, OperatorError } from "../../errors";
import { type CheckResult, type DiffRequest, type DiffResult, noDiff, someDiff } from "../../plugins/provider";
import { equal, isUnknown, type PropertyMap, type PropertyValue, unwrapSecrets } from "../../property/value";

/** Settings of @pulumi/kubernetes's provider that are heeded here. */
export interface Settings {
  /** Path or contents of a kubeconfig; empty for the system's own. */
  readonly kubeconfig: string;
  readonly context: string;
  /** Namespace of objects that name none; empty for the context's. */
  readonly namespace: string;
  readonly upsertExistingObjects: boolean;
  readonly enablePatchForce: boolean;
  readonly enableConfigMapMutable: boolean;
  readonly enableSecretMutable: boolean;
}

/** Switches, and the variables that turn them on where the program says nothing. */
const switches = {
  upsertExistingObjects: "PULUMI_K8S_UPSERT_EXISTING_OBJECTS",
  enablePatchForce: "PULUMI_K8S_ENABLE_PATCH_FORCE",
  enableConfigMapMutable: "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE",
  enableSecretMutable: "PULUMI_K8S_ENABLE_SECRET_MUTABLE",
} as const;

const known = new Set([
  ...["kubeconfig", "context", "namespace", "clusterIdentifier", ...Object.keys(switches)],
  ...["suppressDeprecationWarnings", "suppressHelmHookWarnings", "version", "pluginDownloadURL", "__internal"],
]);
/** Settings that change nothing with this value. */
const harmless: Readonly<Record<string, string>> = {
  enableServerSideApply: "true",
  alwaysRender: "false",
  deleteUnreachable: "false",
  skipUpdateUnreachable: "false",
};

/** @throws NotImplementedError for a setting that only the plugin knows */
export function checkSettings(news: PropertyMap): CheckResult {
  const plain = unwrapSecrets(news) as PropertyMap;
  const foreign = Object.entries(plain).find(
    ([key, value]) => !known.has(key) && value != null && value !== "" && value !== harmless[key],
  );
  if (foreign)
    throw new NotImplementedError(
      `the setting '${foreign[0]}' of @pulumi/kubernetes's provider without its plugin`,
      "Install pulumi-resource-kubernetes, or use the Pulumi CLI.",
    );
  return { inputs: news, failures: [] };
}

/** The settings of a provider. Switches travel as the texts `true` and `false`. */
export function readSettings(inputs: PropertyMap, env: NodeJS.ProcessEnv): Settings {
  const plain = unwrapSecrets(inputs) as PropertyMap;
  const text = (key: string) => (typeof plain[key] === "string" && !isUnknown(plain[key]) ? plain[key] : "");
  const isOn = (key: keyof typeof switches) =>
    ["true", true].includes((plain[key] ?? env[switches[key]] ?? false) as string | boolean);
  return {
    kubeconfig: text("kubeconfig"),
    context: text("context"),
    namespace: text("namespace"),
    upsertExistingObjects: isOn("upsertExistingObjects"),
    enablePatchForce: isOn("enablePatchForce"),
    enableConfigMapMutable: isOn("enableConfigMapMutable"),
    enableSecretMutable: isOn("enableSecretMutable"),
  };
}

/**
 * What a change of the settings means: another cluster makes all objects new. With `clusterIdentifier` only that tells which
 * cluster it is, else the server of the kubeconfig's context.
 */
export function diffSettings({ oldInputs, news }: DiffRequest): DiffResult {
  const keys = [...new Set([...Object.keys(oldInputs), ...Object.keys(news)])];
  const changedKeys = keys.filter((key) => !equal(oldInputs[key], news[key])).toSorted();
  if (changedKeys.length === 0) return noDiff;
  return { ...someDiff, changedKeys, replaceKeys: replacingKeys(oldInputs, news, changedKeys) };
}

const placeKeys = ["kubeconfig", "context", "cluster"];

function replacingKeys(olds: PropertyMap, news: PropertyMap, changed: readonly string[]): string[] {
  const [before, after] = [olds.clusterIdentifier ?? "", news.clusterIdentifier ?? ""];
  if (before !== "" && after !== "") return before === after ? [] : ["clusterIdentifier"];
  const unknown = placeKeys.find((key) => isUnknown(news[key]));
  if (unknown !== undefined) return [unknown];
  const [oldCluster, newCluster] = [clusterOf(olds), clusterOf(news)];
  if (oldCluster === null || newCluster === null || equal(oldCluster, newCluster)) return [];
  return placeKeys.filter((key) => changed.includes(key));
}

interface Named {
  readonly name: string;
}
interface Config {
  readonly clusters?: readonly (Named & { readonly cluster?: PropertyValue })[];
  readonly contexts?: readonly (Named & { readonly context?: { readonly cluster?: string } })[];
  readonly "current-context"?: string;
}

/** What the kubeconfig says of its context's cluster; null when that cannot be told. */
function clusterOf({ kubeconfig, context }: PropertyMap): PropertyValue {
  if (typeof kubeconfig !== "string" || kubeconfig === "") return null;
  const config = parseConfig(kubeconfig);
  const current = typeof context === "string" && context !== "" ? context : config["current-context"];
  const cluster = config.contexts?.find(({ name }) => name === current)?.context?.cluster;
  return config.clusters?.find(({ name }) => name === cluster)?.cluster ?? null;
}

/** @throws OperatorError when it is neither a file's path nor a kubeconfig */
function parseConfig(pathOrContents: string): Config {
  const path = pathOrContents.replace(/^~(?=\/|$)/, homedir());
  const contents = existsSync(path) ? readFileSync(path, "utf8") : pathOrContents;
  try {
    const config: unknown = parse(contents);
    if (typeof config === "object" && config !== null) return config;
  } catch {
    // It is said below; the parser's own words might show a credential.
  }
  throw new OperatorError("kubeconfig is neither the path of a file that is there nor the contents of a kubeconfig");
}
