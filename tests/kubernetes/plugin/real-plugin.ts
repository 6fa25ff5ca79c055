import type { ResourceProvider } from "../../../engine/plugins/provider";
import type { PropertyMap } from "../../../engine/property/value";
import * as provided from "../../support/package-provider";

/** On which cluster, and how. */
export interface Options {
  /** Path or contents of a kubeconfig. */
  readonly kubeconfig: string;
  /** More of the provider's settings; those of the program's own stacks unless given. */
  readonly settings?: PropertyMap;
  readonly log?: (line: string) => void;
}

/** Settings with which the program's own stacks declare their provider. */
export const ownSettings: PropertyMap = {
  upsertExistingObjects: "true",
  enablePatchForce: "true",
  enableConfigMapMutable: "true",
  enableSecretMutable: "true",
};

const kubernetes = ({ kubeconfig, settings = ownSettings, ...rest }: Options): provided.ProvidedPackage => ({
  ...{ name: "kubernetes", version: "4.34.2", settings: { kubeconfig, namespace: "standin", ...settings } },
  ...rest,
});

/** Whether the plugin of @pulumi/kubernetes is on PATH. */
export const hasPlugin = (): boolean => provided.hasPlugin("kubernetes");

/** The real plugin on a cluster. */
export const realPlugin = (options: Options): Promise<ResourceProvider> => provided.realPlugin(kubernetes(options));

/** The engine's stand-in for it. */
export const standIn = (options: Options): Promise<ResourceProvider> => provided.standIn(kubernetes(options));
