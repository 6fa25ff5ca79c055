/** Names of what this program writes to objects of a cluster: they tell its own from what the operator has written. */
export const annotations = {
  /** Of a pod template: the release that it is of. */
  release: "octollm-upgrade/release",
  /** Of a pod template: checksum of the environment. Of the Secret, or the ConfigMap: what is kept of the environment's text. */
  environment: "octollm-upgrade/environment",
  /** Of a Deployment: number of the attempt that has declared it. */
  attempt: "octollm-upgrade/attempt",
  /** Of a Deployment: its template and strategy before the attempt. */
  before: "octollm-upgrade/before",
  /** Of a Deployment that is scaled to 0: the replicas that it had. */
  replicas: "octollm-upgrade/replicas",
  /** What `kubectl rollout history` shows of a revision. */
  changeCause: "kubernetes.io/change-cause",
  /** Pulumi does not wait for the object itself. */
  skipAwait: "pulumi.com/skipAwait",
  /** Name by which Pulumi applies the object. */
  patchFieldManager: "pulumi.com/patchFieldManager",
} as const;

/** The field manager of all that this program writes. */
export const fieldManager = "octollm-upgrade";
