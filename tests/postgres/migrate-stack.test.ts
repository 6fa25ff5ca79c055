import assert from "node:assert/strict";
import { join } from "node:path";

import { look } from "../../phases/preflight";
import type { Plan } from "../../planner/plan";
import type { Properties } from "../../provider/codec";
import { loadCatalogue } from "../../releases/catalogue";
import { withAdopted } from "../support/adopted";
import { type Installed, preflight } from "../support/installed";
import { runPhases } from "../support/phases";
import type { ProviderProcess } from "../support/provider-client";
import { alembic, alembicProgram, octollm } from "../support/run";

describe("an adopted installation whose schema was moved without its stack", function () {
  this.timeout(60_000);
  let installed: Installed;
  let provider: ProviderProcess;
  let adopted: Properties;

  withAdopted(async (there) => {
    ({ installed, provider, adopted } = there);
    await runPhases({ site: installed.site, version: "0.1.0", emptyStack: true });
  });

  async function planned(version: string): Promise<{ plan: Plan; settled: boolean }> {
    const wanted = { version, restoreFrom: "", emptyStack: false, databaseUrl: "" };
    const { outcome } = await look({ site: installed.site, ...wanted });
    if (outcome.kind === "refused") throw new Error(JSON.stringify(outcome.reasons));
    return outcome;
  }

  /** What a preview of the same release warns of. */
  async function warnings(): Promise<string[]> {
    const already = provider.lines("warning").length;
    const { inputs, failures } = await provider.check(preflight, installed.inputs("0.1.0"), adopted);
    assert.deepEqual(failures, []);
    assert.notEqual(await provider.diff(preflight, adopted, inputs), null);
    return provider.lines("warning").slice(already);
  }

  const drift = "alembic_version says b1c2d3; the last up had left it at def456";
  const revisions = ({ plan }: { plan: Plan }) =>
    plan.revisions.pre.map((step) => `${step.direction} ${step.revision}`);
  const undone = ["down b1c2d3", "down abc123"];

  it("shows as drift in preview what 'octollm migrate' did, and up takes it back", async () => {
    const { code, stderr } = await octollm(installed.installation.folder, ["migrate", "upgrade", "b1c2d3", "--yes"]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(await warnings(), [drift]);
    const outcome = await planned("0.1.0");
    assert.deepEqual([outcome.plan.from, outcome.settled, revisions(outcome)], ["0.1.0", false, undone]);
    await runPhases({ site: installed.site, version: "0.1.0" });
    assert.equal((await planned("0.1.0")).settled, true);
    const rows = await installed.sql("SELECT FROM octollm_upgrade.revisions WHERE undone_at IS NULL");
    assert.equal(rows.length, 0);
  });

  it("shows the same of what Alembic did, and an upgrade goes on from there", async function () {
    if (alembicProgram === undefined) return this.skip();
    const { folder } = installed.installation;
    await octollm(folder, ["migrate", "export-alembic", "alembic"]);
    const { code, stderr } = await alembic(join(folder, "alembic"), ["upgrade", "b1c2d3"]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(await warnings(), [drift]);
    assert.deepEqual(revisions(await planned("0.1.0")), undone);
    const { plan } = await planned("0.2.0");
    assert.deepEqual([plan.from, plan.to, plan.direction, plan.revisions.pre], ["0.1.0", "0.2.0", "up", []]);
    await runPhases({ site: installed.site, version: "0.2.0" });
    assert.equal(await installed.serving(), "0.2.0");
    const current = await alembic(join(folder, "alembic"), ["current"]);
    assert.equal(current.stdout.trim(), "b1c2d3");
  });

  it("shows in preview how long its revisions took when they were rehearsed, and plans the same", async () => {
    const told = async () => {
      const already = provider.lines().length;
      const { inputs } = await provider.check(preflight, installed.inputs("1.0.0"), adopted);
      const { plan } = (await provider.apply(preflight, inputs, { old: adopted, preview: true })) as { plan: Plan };
      return { id: plan.id, lines: provider.lines().slice(already) };
    };
    const { id, lines } = await told();
    assert.ok(!lines.some((line) => line.startsWith("rehearsed")));
    const checksum = (await loadCatalogue()).chain.at(-1)?.checksum ?? "";
    await installed.sql(`INSERT INTO octollm_upgrade.rehearsals
      (revision, direction, checksum, milliseconds, rows, backup_id, backup_at) VALUES
      ('e4f5a6', 'up', '${checksum}', 999000, 5, 'x', '2026-01-01 12:00:00+00'),
      ('e4f5a6', 'up', '${checksum}', 3210, 1040000, 'x', '2026-01-04 12:00:00+00'),
      ('e4f5a6', 'down', '${checksum}', 2890, 1040000, 'x', '2026-01-04 12:00:00+00')`);
    const now = await told();
    assert.ok(
      now.lines.includes("rehearsed e4f5a6 up 3.2 s, down 2.9 s (backup of 2026-01-04, 1.0 M rows)"),
      now.lines.join("\n"),
    );
    assert.equal(now.id, id);
  });
});
