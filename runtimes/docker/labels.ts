/** Labels of the containers that a stack has declared: they tell them from those of the operator. */
export const labels = {
  /** The release that the container was made for. */
  release: "octollm.release",
  /** Number of the attempt that made it. */
  attempt: "octollm.attempt",
} as const;

/** Name under which the container of the release before waits until the new one is verified. */
export function retiredName(container: string): string {
  return `${container}_before`;
}
