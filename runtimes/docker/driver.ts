// All that others may use of containers, so that one `require` loads it.
export { discoverContainers } from "./discover";
export { containerPlace } from "./exec";
export { publishedAddress } from "./published";
export { addressBehind } from "./reach";
export { containerFacts, imageFacts } from "./facts";
export { isReplacedForGood, removeRetired, retire, returnRetired, stopRetired } from "./retire";
export { containerRuntime } from "./service";
export { archiveVolume, startStore, stopStore, volumeFacts } from "./volumes";
