import { execFileSync, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { until } from "../../support/until";
import { commandOf, type Component, containerdSocket, dnsRights, writeConfiguration } from "./components";
import { Credentials } from "./credentials";
import { importImages } from "./images";
import { nodeName } from "./names";

/** A rule of a Role. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** The ring's one cluster: a node and a control plane in the namespaces and the folder that `ring` made. */
export class Cluster {
  readonly folder: string;
  /** Its administrator's. */
  readonly kubeconfig: string;
  readonly #credentials: Credentials;

  constructor(folder: string) {
    this.folder = folder;
    this.kubeconfig = join(folder, "kubeconfig");
    this.#credentials = new Credentials(folder);
  }

  /** The cluster of the ring that this process runs in. */
  static ofRing(): Cluster {
    const folder = process.env.OCTOLLM_TEST_KUBERNETES;
    if (folder === undefined)
      throw new Error(
        "These tests need a cluster of their own. Run: npm run test:kubernetes -- tests/kubernetes/<name>.test.ts",
      );
    return new Cluster(folder);
  }

  /**
   * Starts all of it, and waits until pods can run.
   *
   * @throws with the end of the log of what did not come up
   */
  async start(): Promise<void> {
    this.#credentials.create();
    this.#credentials.writeKubeconfig(this.kubeconfig, {
      token: readFileSync(this.#credentials.path("tokens.csv"), "utf8").split(",", 1)[0] ?? "",
    });
    for (const folder of ["log", "run"]) mkdirSync(join(this.folder, folder));
    writeConfiguration(this.folder, this.#credentials);
    for (const component of ["etcd", "containerd", "kube-apiserver"] as const) this.startComponent(component);
    await this.#answers("containerd", () => existsSync(containerdSocket));
    const imported = importImages(containerdSocket);
    await this.#answers("kube-apiserver", () => this.isReady());
    const rest = ["kubelet", "kube-controller-manager", "kube-scheduler", "kube-proxy"] as const;
    for (const component of rest) this.startComponent(component);
    this.apply(dnsRights);
    this.startComponent("coredns");
    await imported;
    await this.#answers("kubelet", () => this.#hasUsableNode());
    await this.#answers("kube-controller-manager", () => this.#canMakePods());
    await this.#answers("kube-proxy", () => execFileSync("iptables", ["-t", "nat", "-S", "KUBE-SERVICES"]).length > 0);
  }

  /** Starts a component that does not run; answers at once. Its log is `log/<component>.log`. */
  startComponent(component: Component): void {
    const log = openSync(this.#log(component), "a");
    const [program = "", ...words] = commandOf(component, this.folder, this.#credentials);
    // Its end is that of the namespace of processes, which `ring` ends.
    const child = spawn(program, words, { detached: true, stdio: ["ignore", log, log] });
    closeSync(log);
    child.on("error", (error) => writeFileSync(this.#log(component), `${error.message}\n`, { flag: "a" }));
    child.unref();
    writeFileSync(this.#pidFile(component), String(child.pid ?? 0));
  }

  /** Ends a component, and waits until it is gone. */
  async stopComponent(component: Component, signal: "SIGTERM" | "SIGKILL" = "SIGKILL"): Promise<void> {
    process.kill(this.#pid(component), signal);
    await until(`${component} ends`, () => !this.#runs(component), 20_000);
  }

  /** Starts the API server again after `stopComponent`, and waits until it takes requests. */
  async startApiServer(): Promise<void> {
    const isReady = () => {
      // The port of one that was killed stays taken for a moment: whoever comes too early ends at once.
      if (!this.#runs("kube-apiserver")) this.startComponent("kube-apiserver");
      return this.isReady();
    };
    await until("kube-apiserver answers", isReady, 120_000);
  }

  /** Whether the API server says that it is ready. */
  isReady(): boolean {
    return this.kubectl("get", "--raw", "/readyz", "--request-timeout=2s") === "ok";
  }

  /**
   * What kubectl prints.
   *
   * @throws with what it wrote on standard error
   */
  kubectl(...words: readonly string[]): string {
    return this.#run(words);
  }

  /** What kubectl prints as JSON. */
  get<Result>(...words: readonly string[]): Result {
    return JSON.parse(this.kubectl("get", ...words, "--output=json")) as Result;
  }

  /** `kubectl apply`, as operators do it: client side. */
  apply(manifest: string | object, namespace = "default"): void {
    const text = typeof manifest === "string" ? manifest : JSON.stringify(manifest);
    this.#run(["apply", "--namespace", namespace, "--filename", "-"], text);
  }

  /** Evicts a pod as a drained node does: budgets are heeded. */
  evict(namespace: string, pod: string): void {
    const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: pod, namespace } };
    const path = `/api/v1/namespaces/${namespace}/pods/${pod}/eviction`;
    this.#run(["create", "--raw", path, "--filename", "-"], JSON.stringify(eviction));
  }

  /**
   * Makes a ServiceAccount that may do what the rules say in its namespace and nothing else; one that is there gets these
   * rules.
   *
   * @param seconds - how long its token is good, an hour unless given; 0 or less: it has expired already. The API server
   *   remembers a token for 10 seconds, and takes one for that long that has expired meanwhile.
   * @returns the path of a kubeconfig with its token, whose context names the namespace
   */
  createAccount(options: {
    readonly namespace: string;
    readonly name: string;
    readonly rules: readonly Rule[];
    readonly seconds?: number;
  }): string {
    const { namespace, name, rules, seconds = 3600 } = options;
    const rbac = "rbac.authorization.k8s.io";
    const subject = { kind: "ServiceAccount", name, namespace };
    this.apply(
      {
        apiVersion: "v1",
        kind: "List",
        items: [
          { apiVersion: "v1", kind: "ServiceAccount", metadata: { name } },
          { apiVersion: `${rbac}/v1`, kind: "Role", metadata: { name }, rules },
          {
            apiVersion: `${rbac}/v1`,
            kind: "RoleBinding",
            metadata: { name },
            roleRef: { apiGroup: rbac, kind: "Role", name },
            subjects: [subject],
          },
        ],
      },
      namespace,
    );
    type Account = { metadata: { uid: string } };
    const { uid } = this.get<Account>("serviceaccount", name, "--namespace", namespace).metadata;
    const token = this.#credentials.tokenOf({ namespace, name, uid }, seconds);
    const path = join(this.folder, `${namespace}-${name}.kubeconfig`);
    this.#credentials.writeKubeconfig(path, { token, namespace });
    return path;
  }

  #run(words: readonly string[], input = ""): string {
    const environment = { ...process.env, KUBECONFIG: this.kubeconfig };
    return execFileSync("kubectl", words, {
      env: environment,
      encoding: "utf8",
      input,
      stdio: ["pipe", "pipe", "pipe"],
      maxBuffer: 64 * 1024 * 1024,
    });
  }

  async #answers(component: Component, isSo: () => boolean): Promise<void> {
    try {
      await until(`${component} answers`, () => isSo() || !this.#runs(component));
      if (!this.#runs(component)) throw new Error(`${component} has ended`);
    } catch (error) {
      const tail = readFileSync(this.#log(component), "utf8").trimEnd().split("\n").slice(-15).join("\n");
      throw new Error(`${(error as Error).message}. It wrote:\n${tail}`, { cause: error });
    }
  }

  #hasUsableNode(): boolean {
    type Node = {
      spec: { taints?: object[] };
      status: { conditions: { type: string; status: string }[] };
    };
    const { spec, status } = this.get<Node>("node", nodeName);
    const isReady = status.conditions.some((condition) => condition.type === "Ready" && condition.status === "True");
    return isReady && spec.taints === undefined;
  }

  #canMakePods(): boolean {
    this.kubectl("get", "serviceaccount/default", "configmap/kube-root-ca.crt", "--namespace=default");
    return true;
  }

  #pidFile(component: Component): string {
    return join(this.folder, "run", `${component}.pid`);
  }

  #pid(component: Component): number {
    return Number(readFileSync(this.#pidFile(component), "utf8"));
  }

  #runs(component: Component): boolean {
    try {
      const stat = readFileSync(`/proc/${this.#pid(component)}/stat`, "utf8");
      return !/\) Z /.test(stat);
    } catch {
      return false;
    }
  }

  #log(component: Component): string {
    return join(this.folder, "log", `${component}.log`);
  }
}
