/** Labels of the containers that a stack has declared: they tell them from those of the operator. */
export const labels = {
  /** The release that the container was made for. */
  release: "octollm.release",
  /** Number of the attempt that made it. */
  attempt: "octollm.attempt",
} as const;

/** Labels of what a fresh installation is made of besides its services. */
export const storeLabels = {
  /** Name of the store; of the network, its own. */
  store: "octollm.store",
  /** How often it has been made. */
  round: "octollm.round",
} as const;

/** Name under which the container of the release before waits until the new one is verified. */
export function retiredName(container: string): string {
  return `${container}_before`;
}
