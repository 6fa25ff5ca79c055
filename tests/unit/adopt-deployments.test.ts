import assert from "node:assert/strict";

import {
  type AskedDeployment,
  chooseDeployments,
  chooseSources,
  likelyPorts,
  serviceOfHost,
  settingsOf,
} from "../../cli/found-deployments";
import type { DiscoveredDeployment, DiscoveredPart, DiscoveredService } from "../../runtimes/kubernetes/discover";

const place = {
  name: "namespace 'octollm' of context 'prod'",
  kubectl: "kubectl --context prod -n octollm",
  adopt: "octollm adopt --target kubernetes --context prod --namespace octollm",
};
const services = ["reflex-layer", "orchestrator"];

function part(image: string, more: Partial<DiscoveredPart> = {}): DiscoveredPart {
  const repository = image.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
  const name = repository.split("/").at(-1) ?? "";
  return { name, image, repository, release: null, ports: [], probe: null, configMaps: [], secrets: [], ...more };
}

function deployment(
  name: string,
  containers: readonly DiscoveredPart[],
  more: Partial<DiscoveredDeployment> = {},
): DiscoveredDeployment {
  return { name, containers, replicas: 1, readyReplicas: 1, graceSeconds: 30, ...more };
}

function service(name: string, more: Partial<DiscoveredService> = {}): DiscoveredService {
  return { name, ports: [80], podPorts: [], leadsToPods: true, deployments: [], ...more };
}

const web = deployment("web", [part("envoy:1"), part("registry.example.com:5000/octollm/orchestrator:0.1.0")]);
const reflex = deployment("reflex", [part("octollm/reflex-layer:0.1.0")]);

/** What is chosen, as `service: deployment/container`. */
function choose(deployments: readonly DiscoveredDeployment[], named: Readonly<Record<string, string>> = {}): string[] {
  const found = chooseDeployments(services, named, { context: "prod", deployments, services: [] }, place);
  return found.map((one) => `${one.name}: ${one.deployment.name}/${one.part.name}`);
}

describe("the Deployments of an OctoLLM", () => {
  it("are found by the names of their images, whatever the registry, those that others need first", () => {
    const others = [deployment("db-admin", [part("adminer:4")]), deployment("o", [part("octollm/orchestrator-ui:1")])];
    assert.deepEqual(choose([web, ...others, reflex]), [
      "reflex-layer: reflex/reflex-layer",
      "orchestrator: web/orchestrator",
    ]);
  });

  it("are taken by the operator's word, with the container that has the image, is the only one, or is named", () => {
    const own = deployment("own", [part("freya/fork:7")]);
    const both = deployment("both", [part("proxy:1"), part("freya/fork:7")]);
    assert.deepEqual(choose([web, reflex, own], { orchestrator: "own" }), [
      "reflex-layer: reflex/reflex-layer",
      "orchestrator: own/fork",
    ]);
    assert.deepEqual(choose([web], { orchestrator: "web" }), ["orchestrator: web/orchestrator"]);
    assert.deepEqual(choose([both], { orchestrator: "both/fork" }), ["orchestrator: both/fork"]);
  });

  const canary = deployment("canary", [part("octollm/orchestrator:0.1.0")]);
  const twins = deployment("twins", [part("a/orchestrator:1", { name: "a" }), part("b/orchestrator:1", { name: "b" })]);
  const both = deployment("both", [part("proxy:1"), part("freya/fork:7")]);
  const refusals: readonly [string, readonly DiscoveredDeployment[], Readonly<Record<string, string>>, string][] = [
    [
      "none",
      [deployment("db-admin", [part("adminer:4")])],
      {},
      `No Deployment in ${place.name} is a service of an OctoLLM. Nothing was written. Look where it is, then name the namespace, ` +
        `or the Deployments:\n  kubectl get deployments --all-namespaces -o wide\n  ${place.adopt} --service orchestrator=<deployment>`,
    ],
    [
      "several",
      [web, canary],
      {},
      `Several Deployments may be 'orchestrator': web, canary. Nothing was written. Name the right one:\n` +
        `  ${place.adopt} --service orchestrator=<deployment>`,
    ],
    [
      "several containers of one",
      [twins],
      {},
      `Several Deployments may be 'orchestrator': twins/a, twins/b. Nothing was written. Name the right one:\n` +
        `  ${place.adopt} --service orchestrator=<deployment>`,
    ],
    [
      "a name that is none",
      [web],
      { orchestrator: "wbe" },
      `There is no Deployment 'wbe' for 'orchestrator' in ${place.name}. Nothing was written. See which there are:\n` +
        `  ${place.kubectl} get deployments -o wide`,
    ],
    [
      "one whose containers tell nothing",
      [both],
      { orchestrator: "both" },
      `Any container of Deployment 'both' may be 'orchestrator': proxy, fork. Nothing was written. Name the right one:\n` +
        `  ${place.adopt} --service orchestrator=both/<container>`,
    ],
    [
      "a container that is none",
      [both],
      { orchestrator: "both/frok" },
      `Deployment 'both' has no container 'frok' for 'orchestrator': it has proxy, fork. Nothing was written. Name the right one:\n` +
        `  ${place.adopt} --service orchestrator=both/<container>`,
    ],
    [
      "one that is scaled to 0",
      [{ ...web, replicas: 0, readyReplicas: 0 }],
      {},
      `Deployment 'web' of 'orchestrator' is scaled to 0, and only what runs can be adopted. Nothing was written. Start it first:\n` +
        `  ${place.kubectl} scale deployment/web --replicas=<number>`,
    ],
    [
      "one without a ready pod",
      [{ ...web, readyReplicas: 0 }],
      {},
      `Deployment 'web' of 'orchestrator' has no pod that is ready, and only what runs can be adopted. Nothing was written. See why:\n` +
        `  ${place.kubectl} describe deployment/web`,
    ],
  ];
  for (const [title, deployments, named, text] of refusals)
    it(`are refused with the next command to type: ${title}`, () => {
      assert.throws(() => choose(deployments, named), { message: text });
    });
});

describe("a Deployment that is adopted", () => {
  const found = (own: DiscoveredPart, more: Partial<DiscoveredDeployment> = {}): AskedDeployment => {
    const one = deployment("web", [own], more);
    return { name: "orchestrator", deployment: one, part: own, port: 8000, health: "/health", release: "0.1.0" };
  };

  it("is asked first where kubelet asks, then on its container's ports, then where its Services lead", () => {
    const own = part("octollm/orchestrator:1", { ports: [9090, 8000], probe: { path: "/health", port: 8000 } });
    const leading = [
      service("web", { podPorts: [8000, 8443], deployments: ["web"] }),
      service("other", { podPorts: [1], deployments: ["other"] }),
    ];
    assert.deepEqual(likelyPorts(found(own), leading), [8000, 9090, 8443]);
    assert.deepEqual(likelyPorts(found(part("octollm/orchestrator:1")), []), []);
  });

  const patterns: Readonly<Record<string, string>> = {
    "octollm/orchestrator:0.1.0": "octollm/orchestrator:{version}",
    "octollm/orchestrator:latest": "octollm/orchestrator:{version}",
    "octollm/orchestrator": "octollm/orchestrator:{version}",
    "host:5000/octollm/orchestrator:v0.1.0-slim": "host:5000/octollm/orchestrator:v{version}-slim",
    "host:5000/octollm/orchestrator@sha256:0a0.1.0": "host:5000/octollm/orchestrator:{version}",
    "octollm/orchestrator:0.1.0@sha256:00": "octollm/orchestrator:{version}",
  };
  for (const [image, pattern] of Object.entries(patterns))
    it(`is set with its image's pattern: ${image}`, () => {
      assert.equal(settingsOf(found(part(image)), "0.1.0").image, pattern);
    });

  it("is set with its container only beside others, and with a longer wait only where its pods get one", () => {
    const own = part("octollm/orchestrator:0.1.0");
    const least = { name: "orchestrator", deployment: "web", image: "octollm/orchestrator:{version}", port: 8000, health: "/health" }; // prettier-ignore
    assert.deepEqual(settingsOf(found(own), "0.1.0"), least);
    const more = { containers: [part("envoy:1"), own], graceSeconds: 90 };
    assert.deepEqual(settingsOf(found(own, more), "0.1.0"), {
      ...least,
      podContainer: "orchestrator",
      stopTimeout: 120,
    });
  });
});

describe("the variables of an OctoLLM on Kubernetes", () => {
  const given = (name: string, configMaps: readonly string[], secrets: readonly string[]) => {
    const own = part(`octollm/${name}:1`, { configMaps, secrets });
    return { name, deployment: deployment(name, [own]), part: own };
  };

  it("are those that the orchestrator is given whole, else any service", () => {
    const other = given("reflex-layer", ["limits"], ["keys"]);
    const expected = { configMap: "octollm-config", secret: "keys" };
    assert.deepEqual(chooseSources([other, given("orchestrator", ["octollm-config"], [])], {}, place), expected);
    assert.deepEqual(chooseSources([given("orchestrator", ["all"], [])], {}, place), { configMap: "all", secret: "" });
  });

  it("must be named where there are several, and cannot do without a ConfigMap", () => {
    const several = [given("orchestrator", ["a"], ["s", "t"])];
    assert.throws(() => chooseSources(several, {}, place), {
      message:
        `The services are given several Secrets: s, t. Nothing was written. An upgrade changes the variables of one: name it:\n` +
        `  ${place.adopt} --secret <name>`,
    });
    assert.deepEqual(chooseSources(several, { secret: "t" }, place), { configMap: "a", secret: "t" });
    assert.throws(
      () => chooseSources([given("orchestrator", [], ["s"])], {}, place),
      /^Error: No service is given a whole ConfigMap by envFrom, .* Nothing was written\./,
    );
  });
});

describe("the database's host name", () => {
  const found = [service("postgres"), service("outside", { leadsToPods: false })];
  const hosts: Readonly<Record<string, string | null>> = {
    postgres: "postgres",
    "postgres.octollm": "postgres",
    "postgres.octollm.svc": "postgres",
    "postgres.octollm.svc.cluster.local": "postgres",
    "postgres.databases": null,
    "postgres.octollm.example.com": null,
    outside: null,
    "10.0.0.7": null,
    localhost: null,
  };
  for (const [host, expected] of Object.entries(hosts))
    it(`leads to ${expected === null ? "no Service that can be forwarded to" : `Service ${expected}`}: ${host}`, () => {
      assert.equal(serviceOfHost(host, "octollm", found), expected);
    });
});
