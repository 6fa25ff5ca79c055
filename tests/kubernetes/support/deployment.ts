import type { DeploymentSpec } from "../../../runtimes/runtime";
import type { KubernetesInstallation } from "./installation";

/** The orchestrator of an installation as its driver wants it. */
export function orchestratorOf(octollm: KubernetesInstallation, more: Partial<DeploymentSpec> = {}): DeploymentSpec {
  return {
    name: "orchestrator",
    environment: { JWT_SECRET: "obviously-fake-jwt-secret==" },
    port: 8000,
    health: "/health",
    release: "0.1.0",
    stateFolder: "/nowhere",
    startTimeoutSeconds: 60,
    stopTimeoutSeconds: 30,
    deployment: "orchestrator",
    podContainer: "",
    image: "octollm/orchestrator:0.1.0",
    cluster: { kubeconfig: octollm.cluster.kubeconfig, context: "", namespace: octollm.namespace },
    ...more,
  };
}
