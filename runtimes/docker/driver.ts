// All that others may use of containers, so that one `require` loads it.
export { discoverContainers } from "./discover";
export { containerPlace } from "./exec";
export { publishedAddress } from "./published";
export { containerFacts, imageFacts, imagePorts } from "./facts";
export { freshDefinition } from "./fresh";
export { addressBehind } from "./reach";
export { isReplacedForGood, removeRetired, retire, returnRetired, stopRetired } from "./retire";
export { containerRuntime } from "./service";
export { awaitStore } from "./store-readiness";
export { clearStores, lookAtStores } from "./stores";
export { archiveVolume, startStore, stopStore, volumeFacts } from "./volumes";
