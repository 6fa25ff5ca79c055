import assert from "node:assert/strict";

import { ComposeFile } from "../../compose/compose-file";
import { applyRelease } from "../../environment/changes";
import { DotenvFile } from "../../environment/dotenv-file";
import { changeCompose } from "../../planner/compose";
import { followEnvironment } from "../../planner/container-environment";
import { loadCatalogue, ownCatalogue } from "../../releases/catalogue";
import type { Catalogue } from "../../releases/release";

const text = `services:
  api:
    container_name: octollm-orchestrator
    image: octollm/orchestrator:0.1.0
    environment:
      - CACHE_TTL=\${CACHE_TTL}
      - LOG_LEVEL=info
      - WEBHOOK_URL=\${WEBHOOK_URL}
`;
const env = "CACHE_TTL=600\nWEBHOOK_URL=https://e.com/webhook\nOPENAI_API_KEY=sk-1\n";
const old = { CACHE_TTL: "600", LOG_LEVEL: "info", WEBHOOK_URL: "https://e.com/webhook", TZ: "UTC" };

describe("the variables of a container's successor", () => {
  let catalogue: Catalogue;
  before(async () => {
    catalogue = await loadCatalogue(ownCatalogue);
  });

  const at = (version: string) =>
    catalogue.releases
      .filter((release) => release.version <= version)
      .reduce(
        (file, release) => applyRelease(file, { version: release.version, changes: release.environment }).file,
        DotenvFile.parse(env),
      );

  /** The file is that of 0.1.0, and follows the way; it may have done so before. */
  const successor = (
    own: Record<string, string>,
    release: string,
    to: string,
    composeService: string | null = "api",
  ) => {
    const around = { file: ComposeFile.parse(text), files: new Map(), environmentPaths: [], overrides: [] };
    const environment = at(to);
    const way = { path: "docker-compose.yml", from: release, to, catalogue, images: {} };
    const { file } = changeCompose({ compose: around, environment, ...way });
    return followEnvironment(
      { environment: own, release, composeService },
      { environment, compose: { file, around }, catalogue },
    );
  };

  const upgraded = {
    LOG_LEVEL: "info",
    TZ: "UTC",
    WEBHOOK_URL: "https://e.com/v1/webhook",
    CACHE_L2_TTL: "600",
    CACHE_L1_SIZE: "1000",
    CACHE_L1_TTL: "60",
  };

  it("are those that the compose file gives it, and none that it does not", () => {
    assert.deepEqual(successor(old, "0.1.0", "1.0.0"), upgraded);
  });

  it("are the old ones again on the way back, though the compose file is as it was already", () => {
    assert.deepEqual(successor(upgraded, "1.0.0", "0.1.0"), old);
  });

  it("are the compose file's where the container had others, and what it was given besides", () => {
    const found = successor({ ...old, LOG_LEVEL: "debug", EXTRA: "1" }, "0.1.0", "1.0.0");
    assert.deepEqual(found, { ...upgraded, EXTRA: "1" });
  });

  it("follow .env where compose has not made the container", () => {
    const found = successor(old, "0.1.0", "1.0.0", null);
    assert.equal(found.CACHE_L2_TTL, "600");
    assert.equal(found.CACHE_L2_ENABLED, "true");
  });
});
