import { Server, ServerCredentials } from "@grpc/grpc-js";

import { findPlugin, type HostContext, startProvider } from "../../../engine/plugins/host";
import type { ResourceProvider } from "../../../engine/plugins/provider";

/** The provider's resource, as the engine names the one that no program declares. */
export const defaultProvider = {
  urn: "urn:pulumi:dev::octollm::pulumi:providers:docker::default_5_2_0",
  type: "pulumi:providers:docker",
  name: "default_5_2_0",
};

function contextOf(host: string, path: string, engineAddress = ""): HostContext {
  const project = { name: "octollm", programFolder: process.cwd(), localPlugins: new Map(), runtimeOptions: {} };
  return {
    project: project as unknown as HostContext["project"],
    config: new Map(),
    env: { ...process.env, PATH: path, PULUMI_HOME: "/nonexistent", DOCKER_HOST: host },
    engineAddress: () => engineAddress,
    log: () => undefined,
  };
}

/** Whether the plugin of @pulumi/docker is on PATH. */
export const hasPlugin = (): boolean =>
  findPlugin(contextOf("", process.env.PATH ?? ""), "docker", undefined) !== undefined;

async function configured(provider: ResourceProvider): Promise<ResourceProvider> {
  const { inputs } = await provider.checkConfig({ ...defaultProvider, olds: {}, news: { version: "5.2.0" } });
  await provider.configure({ ...defaultProvider, id: "1" }, inputs);
  return provider;
}

/** The real plugin on an engine. */
export async function realPlugin(host: string): Promise<ResourceProvider> {
  // It wants an engine to send its log lines to; nobody reads them here.
  const server = new Server();
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  const started = await startProvider(contextOf(host, process.env.PATH ?? "", `127.0.0.1:${port}`), "docker", "5.2.0");
  const close = started.close.bind(started);
  started.close = async () => {
    await close();
    server.forceShutdown();
  };
  return configured(started);
}

/** The engine's stand-in for it. */
export async function standIn(host: string): Promise<ResourceProvider> {
  return configured(await startProvider(contextOf(host, ""), "docker", "5.2.0"));
}
