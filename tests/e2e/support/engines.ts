import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Who runs the program. */
export type Engine = "standalone" | "pulumi";

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
const holds = (folder: string, program: string) => isExecutable(join(folder, program));

/** The Pulumi CLI and the plugins that the program needs, where PATH has them. */
const pulumiIsThere = ["pulumi", "pulumi-language-nodejs", "pulumi-resource-command"].every((program) =>
  folders.some((folder) => holds(folder, program)),
);

/** Every engine of this machine: the standalone one always. */
export const engines: readonly Engine[] = pulumiIsThere ? ["standalone", "pulumi"] : ["standalone"];

/** Whether the Pulumi CLI can work on a Docker engine here. */
export const pulumiHasDocker = pulumiIsThere && folders.some((folder) => holds(folder, "pulumi-resource-docker"));

/** Whether it can work on a Kubernetes cluster here. */
export const pulumiHasKubernetes =
  pulumiIsThere && folders.some((folder) => holds(folder, "pulumi-resource-kubernetes"));

/** The search path for an engine: the standalone one does without Pulumi's plugins, as on a host that has none. */
export function searchPath(engine: Engine): string {
  const plugins = ["command", "docker", "kubernetes"].map((name) => `pulumi-resource-${name}`);
  const isPulumis = (folder: string) => plugins.some((plugin) => holds(folder, plugin));
  return (engine === "pulumi" ? folders : folders.filter((folder) => !isPulumis(folder))).join(delimiter);
}
