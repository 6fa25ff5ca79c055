import { execFileSync } from "node:child_process";
import { randomBytes, sign } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { issuer, nodeAddress, nodeName, server } from "./names";

/** Who works on the cluster, and the user and the groups that the API server takes them for. */
const accounts = {
  admin: ["admin", "system:masters"],
  kubelet: [`system:node:${nodeName}`, "system:nodes"],
  "controller-manager": ["system:kube-controller-manager", ""],
  scheduler: ["system:kube-scheduler", ""],
  proxy: ["system:kube-proxy", ""],
  dns: ["system:coredns", ""],
} as const;

export type Account = keyof typeof accounts;

/** Keys, certificates and kubeconfigs of one cluster, below its folder. */
export class Credentials {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = join(folder, "credentials");
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  /** The kubeconfig of one of the cluster's own accounts. */
  kubeconfigOf(account: Account): string {
    return this.path(`${account}.kubeconfig`);
  }

  /** Makes all of them. */
  create(): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    this.#key("ca");
    this.#openssl("req", "-x509", "-new", "-key", "ca.key", "-subj", "/CN=test", "-days", "3650", "-out", "ca.crt");
    const names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"].map(
      (name) => `DNS:${name}`,
    );
    const ours = ["127.0.0.1", nodeAddress, "10.96.0.1"].map((address) => `IP:${address}`);
    this.#certificate("apiserver", "/CN=kube-apiserver", `subjectAltName=${[...names, ...ours].join(",")}`);
    this.#certificate("kubelet", `/CN=${nodeName}`, `subjectAltName=DNS:${nodeName},IP:${nodeAddress},IP:127.0.0.1`);
    this.#certificate("kubelet-client", "/O=system:masters/CN=kube-apiserver", "extendedKeyUsage=clientAuth");
    this.#openssl("genrsa", "-out", "accounts.key", "2048");
    this.#openssl("rsa", "-in", "accounts.key", "-pubout", "-out", "accounts.pub");
    const rows = Object.entries(accounts).map(([account, [user, group]]) => {
      const token = randomBytes(20).toString("hex");
      this.writeKubeconfig(this.kubeconfigOf(account as Account), { token });
      return `${token},${user},${account},"${group}"\n`;
    });
    this.#write("tokens.csv", rows.join(""));
  }

  /** A kubeconfig for this cluster with one context. */
  writeKubeconfig(path: string, options: { readonly token: string; readonly namespace?: string }): void {
    const { token, namespace } = options;
    const authority = readFileSync(this.path("ca.crt")).toString("base64");
    const kubeconfig = {
      apiVersion: "v1",
      kind: "Config",
      "current-context": "test",
      clusters: [{ name: "test", cluster: { server, "certificate-authority-data": authority } }],
      users: [{ name: "test", user: { token } }],
      contexts: [{ name: "test", context: { cluster: "test", user: "test", ...(namespace ? { namespace } : {}) } }],
    };
    writeFileSync(path, JSON.stringify(kubeconfig, null, 2), { mode: 0o600 });
  }

  /**
   * A token of a ServiceAccount. It is signed here, since the API server itself gives none for less than 10 minutes.
   *
   * @param seconds - how long it is good; 0 or less: it has expired
   */
  tokenOf(
    account: { readonly namespace: string; readonly name: string; readonly uid: string },
    seconds: number,
  ): string {
    const { namespace, name, uid } = account;
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: issuer,
      aud: [issuer],
      sub: `system:serviceaccount:${namespace}:${name}`,
      iat: now - 3600,
      nbf: now - 3600,
      exp: now + seconds,
      "kubernetes.io": { namespace, serviceaccount: { name, uid } },
    };
    const encoded = [{ alg: "RS256", typ: "JWT" }, claims].map((part) =>
      Buffer.from(JSON.stringify(part)).toString("base64url"),
    );
    const text = encoded.join(".");
    const signature = sign("sha256", Buffer.from(text), readFileSync(this.path("accounts.key")));
    return `${text}.${signature.toString("base64url")}`;
  }

  #openssl(...words: string[]): void {
    execFileSync("openssl", words, { cwd: this.#folder, stdio: ["ignore", "ignore", "pipe"] });
  }

  #key(name: string): void {
    this.#openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", `${name}.key`);
  }

  #certificate(name: string, subject: string, extensions: string): void {
    this.#key(name);
    this.#write(`${name}.extensions`, extensions);
    this.#openssl("req", "-new", "-key", `${name}.key`, "-subj", subject, "-out", `${name}.request`);
    const signing = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "3650"];
    const files = ["-in", `${name}.request`, "-extfile", `${name}.extensions`, "-out", `${name}.crt`];
    this.#openssl("x509", "-req", ...signing, ...files);
  }

  #write(name: string, text: string): void {
    writeFileSync(this.path(name), text, { mode: 0o600 });
  }
}
