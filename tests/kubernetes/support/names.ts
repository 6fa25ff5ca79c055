/** The one node's name. */
export const nodeName = "node1";
/** The node's address: NodePorts are on it. */
export const nodeAddress = "172.31.0.1";
/** The API server, as it is reached from the tests and from the node's programs. */
export const server = "https://127.0.0.1:6443";
/** Addresses that Services and pods get. */
export const serviceRange = "10.96.0.0/16";
export const podRange = "10.244.0.0/24";
/** Who gives tokens to ServiceAccounts, and whom they are for. */
export const issuer = "https://kubernetes.default.svc.cluster.local";
/** What every pod's first container is made of. */
export const sandboxImage = "octollm-test/sandbox:1";
