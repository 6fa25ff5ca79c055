import type { ResourceProvider } from "../../../engine/plugins/provider";
import * as provided from "../../support/package-provider";

const docker = (host: string): provided.ProvidedPackage => ({
  name: "docker",
  version: "5.2.0",
  env: { DOCKER_HOST: host },
});

/** Whether the plugin of @pulumi/docker is on PATH. */
export const hasPlugin = (): boolean => provided.hasPlugin("docker");

/** The real plugin on an engine. */
export const realPlugin = (host: string): Promise<ResourceProvider> => provided.realPlugin(docker(host));

/** The engine's stand-in for it. */
export const standIn = (host: string): Promise<ResourceProvider> => provided.standIn(docker(host));
