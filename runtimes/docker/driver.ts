// All that others may use of containers, so that one `require` loads it.
export { discoverContainers } from "./discover";
export { containerPlace } from "./exec";
export { containerFacts, imageFacts } from "./facts";
export { removeRetired, retire, returnRetired, stopRetired } from "./retire";
export { containerRuntime } from "./service";
