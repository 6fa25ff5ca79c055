import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

import type { Credentials } from "./credentials";
import { issuer, nodeAddress, nodeName, podRange, sandboxImage, serviceRange } from "./names";

/** The programs that a cluster consists of. */
export type Component =
  | "etcd"
  | "containerd"
  | "kube-apiserver"
  | "kubelet"
  | "kube-controller-manager"
  | "kube-scheduler"
  | "kube-proxy"
  | "coredns";

const etcd = "http://127.0.0.1:2379";
const etcdPeers = "http://127.0.0.1:2380";

/** Where the containers' runtime listens. */
export const containerdSocket = "/run/containerd/containerd.sock";

const flags = (values: Readonly<Record<string, string | number | boolean>>): string[] =>
  Object.entries(values).map(([name, value]) => `--${name}=${value}`);

/** What is typed to start a component. */
export function commandOf(component: Component, folder: string, credentials: Credentials): string[] {
  const file = (name: string) => join(folder, "configuration", name);
  const secret = (name: string) => credentials.path(name);
  switch (component) {
    case "etcd":
      return ["etcd", ...flags(etcdFlags())];
    case "containerd":
      return ["containerd", "--config", file("containerd.toml")];
    case "kube-apiserver":
      return ["kube-apiserver", ...flags(apiServerFlags(secret))];
    case "kubelet": {
      const kubeconfig = credentials.kubeconfigOf("kubelet");
      const named = { "hostname-override": nodeName, "node-ip": nodeAddress };
      return ["kubelet", ...flags({ config: file("kubelet.json"), kubeconfig, ...named })];
    }
    case "kube-controller-manager":
      return ["kube-controller-manager", ...flags(controllerManagerFlags(credentials))];
    case "kube-scheduler": {
      const kubeconfig = credentials.kubeconfigOf("scheduler");
      return ["kube-scheduler", ...flags({ kubeconfig, "leader-elect": false, "secure-port": 0, ...clientRates })];
    }
    case "kube-proxy":
      return ["kube-proxy", ...flags({ config: file("proxy.json") })];
    case "coredns":
      return ["coredns", "-conf", file("Corefile")];
  }
}

const clientRates = { "kube-api-qps": 200, "kube-api-burst": 400 };

function etcdFlags(): Record<string, string> {
  return {
    name: nodeName,
    "data-dir": "/run/etcd",
    "listen-client-urls": etcd,
    "advertise-client-urls": etcd,
    "listen-peer-urls": etcdPeers,
    "initial-advertise-peer-urls": etcdPeers,
    "initial-cluster": `${nodeName}=${etcdPeers}`,
    logger: "zap",
    "log-level": "warn",
  };
}

function apiServerFlags(secret: (name: string) => string): Record<string, string | boolean> {
  return {
    "etcd-servers": etcd,
    "bind-address": "0.0.0.0",
    "secure-port": "6443",
    "advertise-address": nodeAddress,
    "tls-cert-file": secret("apiserver.crt"),
    "tls-private-key-file": secret("apiserver.key"),
    "client-ca-file": secret("ca.crt"),
    "token-auth-file": secret("tokens.csv"),
    "authorization-mode": "Node,RBAC",
    "enable-admission-plugins": "NodeRestriction",
    "service-cluster-ip-range": serviceRange,
    "service-account-issuer": issuer,
    "service-account-key-file": secret("accounts.pub"),
    "service-account-signing-key-file": secret("accounts.key"),
    "kubelet-client-certificate": secret("kubelet-client.crt"),
    "kubelet-client-key": secret("kubelet-client.key"),
    "kubelet-certificate-authority": secret("ca.crt"),
    "kubelet-preferred-address-types": "InternalIP",
    profiling: false,
    "shutdown-delay-duration": "0s",
  };
}

function controllerManagerFlags(credentials: Credentials): Record<string, string | number | boolean> {
  return {
    kubeconfig: credentials.kubeconfigOf("controller-manager"),
    "use-service-account-credentials": true,
    "leader-elect": false,
    "secure-port": 0,
    "service-account-private-key-file": credentials.path("accounts.key"),
    "root-ca-file": credentials.path("ca.crt"),
    "node-monitor-period": "2s",
    "flex-volume-plugin-dir": "/run/volume-plugins",
    profiling: false,
    ...clientRates,
  };
}

/** Writes the files that the components read. */
export function writeConfiguration(folder: string, credentials: Credentials): void {
  const target = join(folder, "configuration");
  const write = (name: string, content: string | object) =>
    writeFileSync(join(target, name), typeof content === "string" ? content : JSON.stringify(content, null, 2));
  mkdirSync(join(target, "network"), { recursive: true });
  write("containerd.toml", containerdConfiguration(target));
  write("network/10-bridge.conflist", networkConfiguration());
  write("resolv.conf", `nameserver ${nodeAddress}\n`);
  write("kubelet.json", kubeletConfiguration(folder, credentials));
  write("proxy.json", proxyConfiguration(credentials));
  write("Corefile", dnsConfiguration(credentials));
}

function containerdConfiguration(target: string): string {
  // Without the right to lower oom_score_adj, containers get no less than containerd has itself.
  return `version = 2
root = "/run/containerd-data"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.opt"
]
[grpc]
  address = "${containerdSocket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${sandboxImage}"
  disable_apparmor = true
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "${join(target, "network")}"
`;
}

function networkConfiguration(): object {
  const ipam = {
    type: "host-local",
    dataDir: "/run/addresses",
    ranges: [[{ subnet: podRange }]],
    routes: [{ dst: "0.0.0.0/0" }],
  };
  const bridge = { type: "bridge", bridge: "cni0", isGateway: true, ipMasq: false, hairpinMode: true, ipam };
  return {
    cniVersion: "0.4.0",
    name: "pods",
    plugins: [bridge, { type: "portmap", capabilities: { portMappings: true } }],
  };
}

function kubeletConfiguration(folder: string, credentials: Credentials): object {
  const left = { "nodefs.available": "1%", "imagefs.available": "1%", "nodefs.inodesFree": "1%" };
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    containerRuntimeEndpoint: `unix://${containerdSocket}`,
    readOnlyPort: 0,
    tlsCertFile: credentials.path("kubelet.crt"),
    tlsPrivateKeyFile: credentials.path("kubelet.key"),
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: credentials.path("ca.crt") },
    },
    authorization: { mode: "Webhook" },
    cgroupDriver: "cgroupfs",
    cgroupRoot: `/${basename(folder)}`,
    failCgroupV1: false,
    failSwapOn: false,
    oomScoreAdj: 0,
    volumePluginDir: "/run/volume-plugins",
    resolvConf: join(folder, "configuration", "resolv.conf"),
    clusterDomain: "cluster.local",
    clusterDNS: [nodeAddress],
    // Images come from nowhere else: none may be collected, and no pod evicted because somebody else fills the disk.
    imageGCHighThresholdPercent: 100,
    evictionHard: { "memory.available": "50Mi", "imagefs.inodesFree": "1%", ...left },
    serializeImagePulls: false,
    registryPullQPS: 0,
    eventRecordQPS: 0,
    kubeAPIQPS: 100,
    kubeAPIBurst: 200,
    nodeStatusUpdateFrequency: "2s",
    syncFrequency: "10s",
  };
}

function proxyConfiguration(credentials: Credentials): object {
  return {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "iptables",
    hostnameOverride: nodeName,
    oomScoreAdj: 0,
    clusterCIDR: podRange,
    clientConnection: { kubeconfig: credentials.kubeconfigOf("proxy") },
    // The limits of connection tracking are the whole machine's.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
    iptables: { minSyncPeriod: "20ms", syncPeriod: "30s" },
  };
}

function dnsConfiguration(credentials: Credentials): string {
  return `cluster.local:53 in-addr.arpa:53 {
  bind ${nodeAddress}
  errors
  kubernetes cluster.local in-addr.arpa {
    kubeconfig ${credentials.kubeconfigOf("dns")}
    ttl 1
  }
}
.:53 {
  bind ${nodeAddress}
  template ANY ANY . {
    rcode NXDOMAIN
  }
}
`;
}

/** What the name server may read. */
export const dnsRights = {
  apiVersion: "v1",
  kind: "List",
  items: [
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: "system:coredns" },
      rules: [
        { apiGroups: [""], resources: ["services", "namespaces", "pods", "endpoints"], verbs: ["list", "watch"] },
        { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
      ],
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "system:coredns" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:coredns" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "system:coredns" }],
    },
  ],
};
