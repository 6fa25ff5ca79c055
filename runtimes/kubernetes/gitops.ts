import type { KubernetesObject } from "./objects";

interface Tool {
  readonly tool: string;
  /** Prefixes of labels and annotations that it puts on what it owns. */
  readonly marks: readonly string[];
  /** Its field managers. */
  readonly managers: RegExp;
}

const tools: readonly Tool[] = [
  {
    tool: "Argo CD",
    marks: ["argocd.argoproj.io/instance", "argocd.argoproj.io/tracking-id"],
    managers: /^argocd-(controller|application-controller|server)$/,
  },
  {
    tool: "Flux",
    marks: ["kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/"],
    managers: /^(kustomize-controller|helm-controller)$/,
  },
  { tool: "Fleet", marks: ["objectset.rio.cattle.io/", "fleet.cattle.io/"], managers: /^fleet-?agent$/ },
  { tool: "Helm", marks: ["meta.helm.sh/release-name"], managers: /^helm$/ },
];

/**
 * The tool that owns an object and would put back what is changed, with what it was told by.
 *
 * @returns such as `Argo CD (argocd.argoproj.io/instance: octollm)`; null for none
 */
export function gitopsOwner({ metadata }: KubernetesObject): string | null {
  const marks = Object.entries({ ...metadata.annotations, ...metadata.labels });
  for (const { tool, marks: prefixes, managers } of tools) {
    const mark = marks.find(([key]) => prefixes.some((prefix) => key.startsWith(prefix)));
    if (mark) return `${tool} (${mark[0]}: ${mark[1]})`;
    const entry = metadata.managedFields?.find(({ manager = "" }) => managers.test(manager));
    if (entry) return `${tool} (field manager ${entry.manager})`;
  }
  if (metadata.labels?.["app.kubernetes.io/managed-by"] === "Helm") return "Helm (app.kubernetes.io/managed-by: Helm)";
  return null;
}
