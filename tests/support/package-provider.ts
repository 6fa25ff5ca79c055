import { Server, ServerCredentials } from "@grpc/grpc-js";

import { findPlugin, type HostContext, startProvider } from "../../engine/plugins/host";
import type { ResourceProvider } from "../../engine/plugins/provider";
import type { PropertyMap } from "../../engine/property/value";

/** A package of Pulumi's whose provider is started. */
export interface ProvidedPackage {
  readonly name: string;
  readonly version: string;
  /** Settings of its provider. */
  readonly settings?: PropertyMap;
  /** Variables of its process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Lines for the operator. */
  readonly log?: (line: string) => void;
}

function contextOf({ env = {}, log }: ProvidedPackage, path: string, engineAddress = ""): HostContext {
  const project = { name: "octollm", programFolder: process.cwd(), localPlugins: new Map(), runtimeOptions: {} };
  return {
    project: project as unknown as HostContext["project"],
    config: new Map(),
    env: { ...process.env, PATH: path, PULUMI_HOME: "/nonexistent", ...env },
    engineAddress: () => engineAddress,
    log: (_urn, line) => log?.(line),
  };
}

/** Whether the plugin of a package is on PATH. */
export const hasPlugin = (name: string): boolean =>
  findPlugin(contextOf({ name, version: "" }, process.env.PATH ?? ""), name, undefined) !== undefined;

async function configured(provider: ResourceProvider, of: ProvidedPackage): Promise<ResourceProvider> {
  const name = `default_${of.version.replaceAll(".", "_")}`;
  const type = `pulumi:providers:${of.name}`;
  const identity = { urn: `urn:pulumi:dev::octollm::${type}::${name}`, type, name };
  const news = { version: of.version, ...of.settings };
  const { inputs } = await provider.checkConfig({ ...identity, olds: {}, news });
  await provider.configure({ ...identity, id: "1" }, inputs);
  return provider;
}

/** The real plugin on PATH, configured. */
export async function realPlugin(of: ProvidedPackage): Promise<ResourceProvider> {
  if (!hasPlugin(of.name)) throw new Error(`pulumi-resource-${of.name} is not on PATH`);
  // It wants an engine to send its log lines to; nobody reads them here.
  const server = new Server();
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  const context = contextOf(of, process.env.PATH ?? "", `127.0.0.1:${port}`);
  const started = await startProvider(context, of.name, of.version);
  const close = started.close.bind(started);
  started.close = async () => {
    await close();
    server.forceShutdown();
  };
  return configured(started, of);
}

/** The engine's stand-in for it, configured. */
export async function standIn(of: ProvidedPackage): Promise<ResourceProvider> {
  return configured(await startProvider(contextOf(of, ""), of.name, of.version), of);
}
