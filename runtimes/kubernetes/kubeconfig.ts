import { existsSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join, resolve } from "node:path";

import type { KubeConfig } from "@kubernetes/client-node" with { "resolution-mode": "import" };

import type { ClusterPlace } from "../runtime";
import { ClusterError, isContents } from "./errors";

const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/** A kubeconfig with the context that is meant. */
export interface ChosenConfig {
  readonly config: KubeConfig;
  readonly context: string;
  readonly server: string;
}

/** By files, their age, and context: credential helpers are asked once, and a file that was changed is read again. */
const chosen = new Map<string, Promise<ChosenConfig>>();

/** Where a kubeconfig is read from: its own contents, else files, of which the first counts most; none for a pod's own. */
interface Source {
  readonly contents: string;
  readonly files: readonly string[];
}

/**
 * The kubeconfig of a place: the setting's, by its path or its contents, else that of KUBECONFIG, else the user's own, else a pod's service account.
 *
 * @throws ClusterError when there is none, or it has no such context
 */
export async function chooseConfig({ kubeconfig, context }: ClusterPlace): Promise<ChosenConfig> {
  const source = isContents(kubeconfig)
    ? { contents: kubeconfig, files: [] }
    : { contents: "", files: configFiles(kubeconfig) };
  const key = JSON.stringify([context, source, source.files.map((file) => statSync(file).mtimeMs)]);
  const known = chosen.get(key);
  if (known) return known;
  const found = load(source, context);
  chosen.set(key, found);
  found.catch(() => chosen.delete(key));
  return found;
}

function configFiles(setting: string): string[] {
  if (setting !== "") {
    const file = resolve(setting.replace(/^~(?=\/)/, homedir()));
    if (existsSync(file)) return [file];
    throw new ClusterError(
      `There is no kubeconfig '${file}'. Correct it: octollm config set --path kubernetes.kubeconfig <file>`,
      null,
    );
  }
  const { KUBECONFIG: variable = "" } = process.env;
  // kubectl, too, passes over files of the list that are not there.
  const files = variable.split(delimiter).filter((file) => file !== "" && existsSync(file));
  if (files.length > 0) return files;
  if (variable !== "") throw noConfig(`KUBECONFIG names '${variable}', which does not exist.`);
  const own = join(homedir(), ".kube", "config");
  if (existsSync(own)) return [own];
  if (existsSync(serviceAccount)) return [];
  throw noConfig("Neither octollm:kubernetes.kubeconfig nor KUBECONFIG names one, and ~/.kube/config does not exist.");
}

function noConfig(reason: string): ClusterError {
  return new ClusterError(
    `There is no kubeconfig. ${reason} Name it: octollm config set --path kubernetes.kubeconfig <file>`,
    null,
  );
}

const nameOf = ({ contents, files }: Source): string =>
  contents === "" ? files.join(", ") : "of the provider's settings";

async function load(source: Source, wanted: string): Promise<ChosenConfig> {
  const config = await read(source);
  const context = wanted === "" ? config.getCurrentContext() : wanted;
  const names = config.getContexts().map(({ name }) => name);
  const from = nameOf(source);
  if (!names.includes(context))
    throw new ClusterError(
      `The kubeconfig ${from} has no context '${context}'. It has: ${names.join(", ") || "none"}. Name one: ` +
        `octollm config set --path kubernetes.context <name>`,
      null,
    );
  config.setCurrentContext(context);
  const server = config.getCurrentCluster()?.server;
  if (server !== undefined) return { config, context, server: server.replace(/\/+$/, "") };
  throw new ClusterError(`Context '${context}' of the kubeconfig ${from} names a cluster that it does not have.`, null);
}

async function read(source: Source): Promise<KubeConfig> {
  const { KubeConfig: Config } = await import("@kubernetes/client-node");
  const whole = new Config();
  const [first, ...others] = source.files;
  try {
    if (source.contents !== "") whole.loadFromString(source.contents);
    else if (first === undefined) whole.loadFromCluster();
    else whole.loadFromFile(first);
    for (const file of others) {
      const more = new Config();
      more.loadFromFile(file);
      whole.mergeConfig(more, true);
    }
    return whole;
  } catch (error) {
    // The parser's own words quote what is in it.
    const words = source.contents === "" ? `: ${(error as Error).message}` : "";
    throw new ClusterError(
      `The kubeconfig ${nameOf(source)} cannot be read${words}. 'kubectl config view' reads it, too.`,
      null,
      source.contents === "" ? { cause: error } : {},
    );
  }
}
