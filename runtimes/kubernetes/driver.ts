// All that others may use of Deployments, so that one `require` loads it.
export { forgetBefore, rememberBefore, returnBefore } from "./before";
export { clusterFacts } from "./cluster";
export { applyConfiguration, configurationManifests, readConfiguration } from "./configuration";
export { discoverDeployments } from "./discover";
export { ClusterError } from "./errors";
export { podPlace } from "./exec";
export { deploymentFacts } from "./facts";
export { forwardTo } from "./forward";
export { objectsAsYaml } from "./objects-file";
export { budgetManifest, deploymentManifest } from "./manifest";
export { deploymentRuntime } from "./service";
