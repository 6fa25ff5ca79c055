import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { readDotenv } from "../../environment/write";
import { type Attempt, noProgress } from "../../phases/attempt";
import { readCompose } from "../../phases/compose";
import { changeEnvironmentFile } from "../../phases/environment";
import type { Site } from "../../phases/site";
import type { Plan } from "../../planner/plan";
import { summarise } from "../../planner/summary";
import { loadCatalogue, ownCatalogue } from "../../releases/catalogue";
import type { Catalogue } from "../../releases/release";
import { goal, planned, world } from "./planner-cases";

const env = "OCTOLLM_VERSION=0.1.0 # all of them\nCACHE_TTL=600\nWEBHOOK_URL=https://e.com/webhook\n";
const compose = `# ours
services:
  orchestrator:
    image: octollm/orchestrator:0.1.0  # by hand
    env_file: [.env]
    environment:
      CACHE_ENABLED: "false"
      WEBHOOK_URL: https://e.com/octollm/webhook
  reflex-layer:
    image: mirror.example.com/octollm/reflex-layer:\${OCTOLLM_VERSION}
  judge-arm:
    image: octollm/judge-arm:latest
  postgres:
    image: postgres:15
`;
const revisions: Readonly<Record<string, string>> = { "0.1.0": "def456", "0.2.0": "b1c2d3", "1.0.0": "e4f5a6" };

describe("the compose file of an installation", () => {
  let catalogue: Catalogue;
  let folder = "";
  let site: Site;
  before(async () => {
    catalogue = await loadCatalogue(ownCatalogue);
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "octollm-planner-compose-"));
    site = {
      installation: folder,
      environmentFile: ".env",
      composeFile: "docker-compose.yml",
      services: [],
    } as unknown as Site;
    writeFileSync(join(folder, ".env"), env, { mode: 0o600 });
    writeFileSync(join(folder, "docker-compose.yml"), compose);
    chmodSync(join(folder, "docker-compose.yml"), 0o640);
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const read = (name: string) => readFileSync(join(folder, name), "utf8");

  async function planTo(from: string, to: string, changes: Parameters<typeof goal>[1] = {}): Promise<Plan> {
    const { file } = await readDotenv(join(folder, ".env"));
    const found = await readCompose(site, file);
    assert.ok(found);
    const now = world(from, revisions[from] ?? "", { environment: file, compose: found.world });
    return planned(now, goal(to, { composeFile: "docker-compose.yml", ...changes }), catalogue);
  }

  async function run(plan: Plan): Promise<void> {
    const attempt = { site, catalogue, plan, progress: noProgress() } as unknown as Attempt;
    await changeEnvironmentFile(attempt, plan.environment);
  }

  it("is part of the plan as a diff, with what is left to the operator, and of the backup", async () => {
    const plan = await planTo("0.1.0", "1.0.0");
    assert.deepEqual(plan.environment.compose?.lines, [
      "@@ services.orchestrator.environment @@",
      '- CACHE_ENABLED: "false"',
      '+ # [octollm 0.2.0] CACHE_ENABLED: "false"',
      "+ # >>> OctoLLM 0.2.0: added by the upgrade",
      '+ CACHE_L1_ENABLED: "false"',
      '+ CACHE_L2_ENABLED: "false"',
      "+ # <<< OctoLLM 0.2.0",
      "- WEBHOOK_URL: https://e.com/…/webhook",
      "+ # [octollm 1.0.0] WEBHOOK_URL: https://e.com/…/webhook",
      "+ WEBHOOK_URL: https://e.com/…/v1/webhook",
      "@@ services.orchestrator @@",
      "- image: octollm/orchestrator:0.1.0",
      "+ image: octollm/orchestrator:1.0.0",
    ]);
    assert.deepEqual(plan.environment.compose.left, [
      "judge-arm: its image has the tag 'latest', which is no release's; write octollm/judge-arm:1.0.0 there",
    ]);
    assert.deepEqual(plan.environment.lines.slice(-2), ["- OCTOLLM_VERSION=0.1.0", "+ OCTOLLM_VERSION=1.0.0"]);
    assert.ok(plan.backup.contents.includes("docker-compose.yml, byte for byte"));
    assert.match(summarise(plan).join("\n"), /^env +\d+ lines of \.env, 13 lines of docker-compose\.yml$/m);
  });

  it("is written as planned, keeps its mode, and the way back gives every byte of both files", async () => {
    await run(await planTo("0.1.0", "1.0.0"));
    assert.match(read("docker-compose.yml"), /orchestrator:1\.0\.0 {2}# by hand\n/);
    assert.match(read("docker-compose.yml"), /CACHE_L2_ENABLED: "false"\n/);
    assert.match(read(".env"), /^OCTOLLM_VERSION=1\.0\.0 # all of them$/m);
    assert.equal(statSync(join(folder, "docker-compose.yml")).mode & 0o777, 0o640);
    assert.equal(statSync(join(folder, ".env")).mode & 0o777, 0o600);
    assert.deepEqual((await planTo("1.0.0", "1.0.0")).environment.compose?.lines, []);
    await run(await planTo("1.0.0", "0.1.0"));
    assert.equal(read("docker-compose.yml"), compose);
    assert.equal(read(".env"), env);
  });

  it("is written to its end when .env was written, and the run killed before the compose file was", async () => {
    await run(await planTo("0.1.0", "1.0.0"));
    const whole = read("docker-compose.yml");
    writeFileSync(join(folder, "docker-compose.yml"), compose);
    const rest = await planTo("0.1.0", "1.0.0");
    assert.deepEqual(rest.environment.lines, []);
    await run(rest);
    assert.equal(read("docker-compose.yml"), whole);
  });

  it("is not written when somebody has changed it since the plan, and then .env is not either", async () => {
    const plan = await planTo("0.1.0", "1.0.0");
    writeFileSync(join(folder, "docker-compose.yml"), compose.replace("judge-arm:latest", "judge-arm:0.1.0"));
    await assert.rejects(run(plan), /'docker-compose.yml' was changed by somebody while the upgrade ran/);
    assert.equal(read(".env"), env);
  });

  it("stays as it is when the installation is adopted, and has no part in the plan without the setting", async () => {
    assert.equal((await planTo("0.1.0", "0.1.0", { emptyStack: true })).environment.compose, undefined);
    const { file } = await readDotenv(join(folder, ".env"));
    const plan = planned(world("0.1.0", "def456", { environment: file }), goal("1.0.0"), catalogue);
    assert.equal(plan.environment.compose, undefined);
    assert.equal(plan.environment.variables, undefined);
  });

  it("that is missing is a fault that names the setting", async () => {
    const { file } = await readDotenv(join(folder, ".env"));
    await assert.rejects(
      readCompose({ ...site, composeFile: "compose.yml" }, file),
      /compose\.yml' does not exist\. Nothing was touched\. Correct octollm:composeFile/,
    );
  });

  it("takes images as the settings have them, and tells of files that compose reads besides", async () => {
    writeFileSync(
      join(folder, "docker-compose.yml"),
      compose.replace("octollm/judge-arm:latest", "octollm/judge-arm:v0.1.0-slim"),
    );
    writeFileSync(join(folder, "docker-compose.override.yml"), "services: {}\n");
    const images = { "judge-arm": "octollm/judge-arm:v{version}-slim" };
    const plan = await planTo("0.1.0", "0.2.0", { images });
    assert.ok(plan.environment.compose?.lines.includes("+ image: octollm/judge-arm:v0.2.0-slim"));
    assert.deepEqual(plan.environment.compose?.left, [
      "docker-compose.override.yml: docker compose reads it, too; it is not looked at",
    ]);
  });
});
