import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { stringify } from "yaml";

import { createInstallation } from "../../demo/installation";
import { parseDatabaseUrl, withClient } from "../../postgres/connection";
import { ensureLedger, openAttempt } from "../../postgres/ledger";
import { makeProject, removeProject } from "../e2e/support/project";
import { testDatabase } from "../support/postgres";
import { makeProduction, type Production } from "../support/production";
import { octollm } from "../support/run";
import { contents } from "./clone-cases";
import { newAttempt, query } from "./installation";

const env = { PULUMI_CONFIG_PASSPHRASE: "test", NO_COLOR: "1" };

type Settings = Record<string, unknown>;

describe("octollm rehearse on staging, refused", function () {
  this.timeout(60_000);
  const project = makeProject();
  const folder = join(project, "staging");
  let production: Production;
  let databaseUrl = "";
  let environment = "";

  before(async () => {
    production = await makeProduction(project, join(project, "production"), { tasks: 50, env });
    databaseUrl = await testDatabase();
    await createInstallation({ folder, databaseUrl, port: 8123, tasks: 20 });
    environment = readFileSync(join(folder, ".env"), "utf8");
    const { code, stderr } = await octollm(project, ["stack", "init", "staging"], env);
    assert.equal(code, 0, stderr);
  });
  after(() => removeProject(project));

  function configure(changes: Settings = {}, rehearsal: Settings = {}, dotenv = environment): void {
    const service = { name: "orchestrator", command: "exec true", port: 8123, health: "/health", log: "logs/o.log" };
    const settings = { version: "0.1.0", target: "local", installation: "staging", services: [service], ...changes };
    const all = { ...settings, rehearsal: { production: "prod", ...rehearsal } };
    const config = Object.fromEntries(Object.entries(all).map(([key, value]) => [`octollm:${key}`, value]));
    const file = join(project, "Pulumi.staging.yaml");
    const salt = /^encryptionsalt: .*$/m.exec(existsSync(file) ? readFileSync(file, "utf8") : "")?.[0] ?? "";
    writeFileSync(file, `${salt}\n${stringify({ config })}`);
    writeFileSync(join(folder, ".env"), dotenv);
  }

  /** What it is refused with; neither database may have changed. */
  async function refusal(...argv: string[]): Promise<string> {
    const [ours, theirs] = [parseDatabaseUrl(databaseUrl), parseDatabaseUrl(production.databaseUrl)];
    const before = [await contents(ours), await contents(theirs)];
    const { code, stderr } = await octollm(project, ["rehearse", "--stack", "staging", "--yes", ...argv], env);
    assert.equal(code, 1, stderr);
    assert.deepEqual([await contents(ours), await contents(theirs)], before);
    assert.match(stderr, /nothing was touched/i);
    assert.ok(!stderr.includes(theirs.password));
    return stderr;
  }

  it("where staging's .env leads to production's database, by whatever name of its host", async () => {
    configure({}, {}, environment.replace(databaseUrl, production.databaseUrl.replace("127.0.0.1", "localhost")));
    assert.match(await refusal(), /database: staging's 't_[0-9a-f]+' is production's own \(cluster \d+\)/);
  });

  it("where folders, ports and stores are production's, with all of them at once", async () => {
    mkdirSync(join(project, "links"), { recursive: true });
    const link = join(project, "links", "backups");
    mkdirSync(join(production.folder, "backups"), { recursive: true });
    if (!existsSync(link)) symlinkSync(join(production.folder, "backups"), link);
    const service = {
      name: "orchestrator",
      command: "exec true",
      port: production.port,
      health: "/health",
      log: "logs/o.log",
    };
    const dotenv = environment.replace("localhost:6379", "127.0.0.1:6380");
    configure(
      { backup: { folder: link }, configFolder: join(production.folder, "config"), services: [service] },
      {},
      dotenv,
    );
    const said = await refusal();
    assert.match(said, /octollm:backup\.folder: '.*\/production\/backups' is production's backup\.folder too/);
    assert.match(said, /octollm:configFolder: '.*\/production\/config' is production's configFolder too/);
    assert.match(said, /octollm:services\[0\]\.port: '\d+' of orchestrator is that of production's orchestrator/);
    assert.match(said, /\.env: REDIS_URL leads where production's does \(localhost:6380\/…\)/);
  });

  it("with all else that stands in the way: rules, releases, paths, an adoption that is missing", async () => {
    const masking = [
      { table: "persons", column: "name", as: "hash" },
      { table: "tasks", column: "phone", as: "hash" },
    ];
    const load = { paths: [{ service: "planner", path: "/" }] };
    configure({ version: "0.2.0" }, { masking, load });
    const said = await refusal("--to", "9.9.9");
    assert.match(said, /masking\[0\]: production's database has no table 'persons'/);
    assert.match(said, /masking\[1\]: table tasks has no column 'phone'/);
    assert.match(said, /load\.paths\[0\]\.service: staging has no service 'planner'/);
    assert.match(said, /staging asks for 0\.2\.0, and production \(prod\) runs 0\.1\.0/);
    assert.match(said, /it has not adopted its installation yet: octollm up --stack staging/);
    assert.match(said, /--to 9\.9\.9: there is no such release/);
  });

  it("where an expression does not fit its column, as PostgreSQL sees it", async () => {
    const masking = [
      { table: "tasks", column: "context", as: "1.5" },
      { table: "tasks", column: "description", as: "nonsense(description)" },
    ];
    configure({}, { masking });
    const said = await refusal();
    assert.match(said, /tasks\.context: cannot cast type numeric to jsonb/);
    assert.match(said, /tasks\.description: function nonsense\(text\) does not exist/);
  });

  it("while an attempt of production is not finished, or a foreign server could be reached from the clone", async () => {
    const address = parseDatabaseUrl(production.databaseUrl);
    configure();
    await query(address, "CREATE FOREIGN DATA WRAPPER files; CREATE SERVER archive FOREIGN DATA WRAPPER files");
    await withClient(address, { name: "test" }, async (client) => {
      await ensureLedger(client);
      await openAttempt(client, newAttempt);
    });
    const said = await refusal();
    assert.match(said, /production: attempt 1 is not finished/);
    assert.match(said, /a clone would reach what its foreign server 'archive' reaches/);
    await query(address, "UPDATE octollm_upgrade.attempts SET status = 'failed', finished_at = now()");
    await query(address, "DROP SERVER archive; DROP FOREIGN DATA WRAPPER files");
  });

  it("writes the load test for k6, and rehearses nothing", async () => {
    configure();
    const { code, stdout, stderr } = await octollm(
      project,
      ["rehearse", "--stack", "staging", "--k6-script", "load.js"],
      env,
    );
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^Wrote load\.js\. Nothing was rehearsed\.$/m);
    assert.match(readFileSync(join(project, "load.js"), "utf8"), /"path": "\/api\/v1\/tasks\?limit=1"/);
  });
});
