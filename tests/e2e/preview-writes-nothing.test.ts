import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { pauseAutovacuum } from "../support/postgres";
import { engines } from "./support/engines";
import { processesIn } from "./support/processes";
import { Scenario } from "./support/scenario";
import { assertSays, unwrapped } from "./support/story";

/** What the server would hand out next, and where every relation lies. */
const facts = `
  SELECT 'next xid' AS what, pg_snapshot_xmax(pg_current_snapshot())::text AS value
  UNION ALL SELECT 'relation ' || oid::regclass::text, pg_relation_filenode(oid)::text || ' ' || relpages || ' ' || reltuples
    FROM pg_class WHERE relnamespace NOT IN ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace)
  UNION ALL SELECT 'rows of ' || relid::regclass::text, concat_ws(' ', n_tup_ins, n_tup_upd, n_tup_del) FROM pg_stat_user_tables
  UNION ALL SELECT 'catalogue', md5(string_agg(c::text, '' ORDER BY c.oid)) FROM pg_class c
  UNION ALL SELECT 'columns', md5(string_agg(a::text, '' ORDER BY attrelid, attnum)) FROM pg_attribute a
  UNION ALL SELECT 'advisory locks', count(*)::text FROM pg_locks WHERE locktype = 'advisory'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  ORDER BY what`;

interface Fingerprint {
  readonly database: readonly object[];
  readonly files: Readonly<Record<string, string>>;
  readonly processes: readonly string[];
}

function filesBelow(folder: string, path = ""): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(join(folder, path)).sort()) {
    const inner = path === "" ? name : `${path}/${name}`;
    const status = lstatSync(join(folder, inner));
    const content = status.isFile()
      ? createHash("sha256")
          .update(readFileSync(join(folder, inner)))
          .digest("hex")
      : "";
    found[inner] = `${status.mode} ${status.mtimeMs} ${content}`;
    if (status.isDirectory()) Object.assign(found, filesBelow(folder, inner));
  }
  return found;
}

for (const engine of engines)
  describe(`preview writes nothing (${engine})`, function () {
    this.timeout(120_000);
    let scenario: Scenario;

    before(async () => {
      // The server learns only seconds later what a session has written, and a task of the verification would look like ours.
      const settings = { version: "1.0.0", verification: { task: false } };
      scenario = await Scenario.create({ engine, settings });
      // Whatever an engine keeps for itself, in its home, is there after the first command.
      await scenario.must(["preview"]);
      await pauseAutovacuum(scenario.databaseUrl);
      await scenario.query("VACUUM (FREEZE, ANALYZE)");
    });
    after(async () => {
      await scenario.query("ALTER SYSTEM RESET autovacuum");
      await scenario.query("SELECT pg_reload_conf()");
      await scenario.close();
    });

    async function fingerprint(): Promise<Fingerprint> {
      return {
        database: await scenario.query(facts),
        files: {
          ...filesBelow(scenario.installation),
          ...prefixed(".pulumi"),
          stack: readFileSync(join(scenario.folder, "Pulumi.dev.yaml"), "utf8"),
        },
        processes: processesIn(scenario.folder).map(({ pid, command }) => `${pid} ${command}`),
      };
    }

    function prefixed(folder: string): Record<string, string> {
      return Object.fromEntries(
        Object.entries(filesBelow(join(scenario.folder, folder))).map(([name, value]) => [`${folder}/${name}`, value]),
      );
    }

    async function writesNothing(look: () => Promise<string>): Promise<string> {
      const before = await fingerprint();
      const said = await look();
      assert.deepEqual(await fingerprint(), before);
      return unwrapped(said);
    }

    for (const flags of [[], ["--diff"], ["--json"]])
      it(["preview", ...flags, "with a closed gate"].join(" "), async () => {
        const said = await writesNothing(() => scenario.must(["preview", ...flags]));
        assertSays(said, "octollm:acceptBreaking");
      });

    it("status", async () => {
      await writesNothing(() => scenario.must(["status"]));
    });

    it("a preview that is refused", async () => {
      scenario.set({ version: "9.9.9" });
      assertSays(await writesNothing(() => scenario.mustFail(["preview"])), "9.9.9");
    });

    it("preview and status after an attempt that failed", async () => {
      scenario.set({ version: "1.0.0", acceptBreaking: "1.0.0" });
      scenario.behave({ "1.0.0": "crash" });
      await scenario.upFails();
      assertSays(await writesNothing(() => scenario.must(["preview"])), "attempt 3");
      assertSays(await writesNothing(() => scenario.must(["status"])), "failed in Resume");
    });

    it("the preview of a way down", async () => {
      scenario.behave({});
      await scenario.up();
      scenario.set({ version: "0.1.0" });
      assertSays(await writesNothing(() => scenario.must(["preview", "--diff"])), "1.0.0 -> 0.1.0");
    });
  });
