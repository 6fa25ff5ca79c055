import assert from "node:assert/strict";

import { parseSettings, siteOf } from "../../settings";
import { faultsOf, handedOver, type Raw, settingsOf } from "./settings-cases";

describe("the settings of a stack on Docker", () => {
  const container = {
    name: "orchestrator",
    container: "octollm-orchestrator",
    image: "octollm/orchestrator:{version}",
  };
  const containers: [string, Raw[], string[]][] = [
    ["a container without a name", [{ ...container, container: undefined }], ["services[0].container: is not set"]],
    [
      "a container's name that is none",
      [{ ...container, container: "a b" }],
      ["services[0].container: is no name of a container"],
    ],
    [
      "an image of one release only",
      [{ ...container, image: "octollm/orchestrator:1.0.0" }],
      ["services[0].image: must hold '{version}' in the place of the release"],
    ],
    [
      "what says how a process is started",
      [{ ...container, command: "serve" }],
      ["services[0].command: there is no such setting"],
    ],
    [
      "one container for two services",
      [container, { ...container, name: "other" }],
      ["services[1].container: 'octollm-orchestrator' stands twice"],
    ],
    [
      "a service that waits for a later one",
      [
        { ...container, dependsOn: ["other"] },
        { ...container, name: "other", container: "other" },
      ],
      ["services[0].dependsOn: 'other' is no service that stands before it"],
    ],
    ["no service", [], ["services: names no service to run"]],
  ];
  for (const [name, services, expected] of containers)
    it(`refuse ${name} on target docker`, () => {
      const faults = faultsOf({ version: "1.0.0", target: "docker", services });
      assert.deepEqual(
        faults,
        expected.map((fault) => `octollm:${fault}`),
      );
    });

  it("of two containers without a published port are no faults", () => {
    const services = [container, { ...container, name: "other", container: "other" }];
    const settings = parseSettings(handedOver({ version: "1.0.0", target: "docker", services }));
    assert.deepEqual(settings.services[1], {
      ...{ name: "other", container: "other", image: "octollm/orchestrator:{version}", port: 0, health: "/health" },
      ...{ startTimeout: 60, stopTimeout: 30 },
    });
    assert.deepEqual(siteOf(settings).docker, {
      ...{
        host: "",
        maintenance: false,
        network: "octollm-network",
        address: "127.0.0.1",
        archiveVolumes: [],
        stores: [],
      },
    });
    assert.equal("docker" in siteOf(settingsOf()), false);
  });
});
