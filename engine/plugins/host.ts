import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

import { pulumiHome } from "../backend/location";
import { type EffectiveConfig, packageConfig } from "../config/effective";
import type { Project } from "../config/project";
import { NotImplementedError, OperatorError } from "../errors";
import { LocalCommandProvider } from "../stand-ins/local-command";
import { GrpcProvider } from "./grpc-provider";
import type { ResourceProvider } from "./provider";

/** A busy machine takes its time to start a program. */
const readyWithin = 60_000;
const endWithin = 5_000;

/** What the host needs to know to start a plugin. */
export interface HostContext {
  project: Project;
  config: EffectiveConfig;
  env: NodeJS.ProcessEnv;
  engineAddress(): string;
  /** Lines of a stand-in that runs within the engine. */
  log(urn: string, line: string): void;
}

function isExecutable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

function cachedVersions(folder: string, packageName: string): string[] {
  const prefix = `resource-${packageName}-v`;
  const names = fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => name.startsWith(prefix)) : [];
  const parts = (name: string): number[] => name.slice(prefix.length).split(/[.-]/).map(Number);
  return names.sort((left, right) => {
    const [a, b] = [parts(left), parts(right)];
    const index = a.findIndex((part, position) => part !== b[position]);
    return index < 0 ? 0 : (b[index] ?? 0) - (a[index] ?? 0);
  });
}

/** Where a package's plugin is: the project's own, then PATH, then Pulumi's plugin cache. */
export function findPlugin(context: HostContext, packageName: string, version: string | undefined): string | undefined {
  const binary = `pulumi-resource-${packageName}`;
  const local = context.project.localPlugins.get(packageName);
  if (local) {
    const file = path.join(local, binary);
    if (isExecutable(file)) return file;
    throw new NotImplementedError(
      `the plugin folder ${local} (it has no executable file ${binary})`,
      "Add the file, mode +x.",
    );
  }
  if (context.env.PULUMI_IGNORE_AMBIENT_PLUGINS !== "1" && context.env.PULUMI_IGNORE_AMBIENT_PLUGINS !== "true") {
    const folders = (context.env.PATH ?? "").split(path.delimiter).filter(Boolean);
    const ambient = folders.map((folder) => path.join(folder, binary)).find(isExecutable);
    if (ambient) return ambient;
  }
  const cache = path.join(pulumiHome(context.env), "plugins");
  const candidates = version ? [`resource-${packageName}-v${version}`] : cachedVersions(cache, packageName);
  return candidates.map((folder) => path.join(cache, folder, binary)).find(isExecutable);
}

/**
 * Plugins of the project's own that start while the program does, so that neither waits for the other. Each is handed out
 * once; what nobody asked for is ended by `close`.
 */
export class EarlyPlugins {
  readonly #started = new Map<string, Promise<ResourceProvider>>();

  constructor(context: HostContext, packageNames: Iterable<string>) {
    for (const name of packageNames) {
      const started = Promise.resolve().then(() => startProvider(context, name, undefined));
      started.catch(() => undefined);
      this.#started.set(name, started);
    }
  }

  take(packageName: string): Promise<ResourceProvider> | undefined {
    const started = this.#started.get(packageName);
    this.#started.delete(packageName);
    return started;
  }

  async close(): Promise<void> {
    for (const started of [...this.#started.values()]) {
      const provider = await started.catch(() => undefined);
      await provider?.close();
    }
  }
}

/** Starts the provider of a package: its plugin, else the engine's stand-in for it. */
export async function startProvider(
  context: HostContext,
  packageName: string,
  version: string | undefined,
): Promise<ResourceProvider> {
  const plugin = findPlugin(context, packageName, version);
  if (plugin) return startPlugin(context, packageName, plugin);
  if (packageName === "command")
    return new LocalCommandProvider(context.project.programFolder, context.env, (urn, line) => context.log(urn, line));
  if (packageName === "docker") {
    // Loaded only for programs that use it.
    const { DockerProvider } = createRequire(__filename)(
      "../stand-ins/docker/provider",
    ) as typeof import("../stand-ins/docker/provider");
    return new DockerProvider(context.env.DOCKER_HOST ?? "");
  }
  if (packageName === "kubernetes") {
    const { KubernetesProvider } = createRequire(__filename)(
      "../stand-ins/kubernetes/provider",
    ) as typeof import("../stand-ins/kubernetes/provider");
    return new KubernetesProvider(context.env, (urn, line) => context.log(urn, line));
  }
  throw new NotImplementedError(
    `the package '${packageName}': no pulumi-resource-${packageName} was found in Pulumi.yaml, on PATH or in ${pulumiHome(context.env)}/plugins`,
    "Install that plugin, or use the Pulumi CLI.",
  );
}

function pluginEnvironment(context: HostContext, packageName: string): NodeJS.ProcessEnv {
  const options = Object.entries(context.project.runtimeOptions).map(([key, value]) => [
    `PULUMI_RUNTIME_${key.toUpperCase()}`,
    String(value),
  ]);
  return {
    ...context.env,
    ...(Object.fromEntries(options) as Record<string, string>),
    PULUMI_PROJECT: context.project.name,
    PULUMI_CONFIG: JSON.stringify(packageConfig(context.config, packageName).plain),
  };
}

async function startPlugin(context: HostContext, packageName: string, file: string): Promise<ResourceProvider> {
  // A process group of its own, so that the terminal's Ctrl-C reaches only the engine. Its standard input is a pipe that
  // nobody writes to: it ends when this process does, however it does.
  const child = spawn(file, [context.engineAddress()], {
    cwd: context.project.programFolder,
    env: pluginEnvironment(context, packageName),
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  const tail: string[] = [];
  child.stderr.on("data", (data: Buffer) => {
    tail.push(data.toString());
    if (tail.length > 40) tail.shift();
  });
  const port = await readPort(child, file, tail);
  const provider = new GrpcProvider(`127.0.0.1:${port}`, () => endPlugin(child));
  try {
    await provider.handshake(context.engineAddress(), path.dirname(file), path.dirname(file));
  } catch (error) {
    await provider.close();
    throw error;
  }
  return provider;
}

function readPort(child: ChildProcess, file: string, tail: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = "";
    const fail = (what: string): void => {
      clearTimeout(timer);
      child.kill("SIGKILL");
      const output = tail.join("").trim();
      reject(new OperatorError(`the plugin ${file} ${what}.${output ? ` It wrote:\n${output}` : ""}`));
    };
    const timer = setTimeout(() => fail(`did not write its port within ${readyWithin / 1000} s`), readyWithin);
    child.on("error", (error) => fail(`could not be started: ${error.message}`));
    child.on("exit", (code, signal) => fail(`ended (${signal ?? `exit code ${code}`}) before it was ready`));
    child.stdout?.on("data", (data: Buffer) => {
      if (text.includes("\n")) return;
      text += data.toString();
      if (!text.includes("\n")) return;
      clearTimeout(timer);
      const port = Number(text.slice(0, text.indexOf("\n")).trim());
      if (Number.isInteger(port) && port > 0) resolve(port);
      else fail(`wrote '${text.trim()}' instead of its port`);
    });
  });
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    child.kill(signal);
  }
}

async function endPlugin(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => signalGroup(child, "SIGKILL"), endWithin);
    child.once("exit", () => {
      clearTimeout(timer);
      resolve();
    });
    signalGroup(child, "SIGINT");
    child.stdin?.end();
  });
}
