import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { type DatabaseAddress, withClient } from "../../postgres/connection";
import { cloneProduction } from "../../rehearsal/staging/clone";
import { newMaskKey, useMaskKey } from "../../rehearsal/staging/mask-key";
import type { MaskingRule } from "../../rehearsal/staging/settings";
import {
  clone,
  contents,
  databasesOf,
  makeProductionDatabase,
  makeStaging,
  plan,
  removeStaging,
  secret,
  type Staging,
  wishOf,
} from "./clone-cases";
import { outsider, query } from "./installation";

/** Every telling column of the people, and what refers to them. */
const rules: readonly MaskingRule[] = [
  { table: "people", column: "id", as: "hash" },
  { table: "letters", column: "person", as: "hash" },
  { table: "people", column: "mail", as: "email" },
  { table: "people", column: "name", as: "hash" },
  { table: "people", column: "token", as: "hash" },
  { table: "people", column: "short", as: "hash" },
  { table: "people", column: "notes", as: "jsonb_build_object('n', notes -> 'n')" },
  { table: "people", column: "photo", as: "hash" },
  { table: "people", column: "age", as: "hash" },
  { table: "people", column: "tags", as: "null" },
  { table: "letters", column: "body", as: "'Lorem ipsum ' || length(body)" },
  { table: "visits", column: "who", as: "hash" },
  { table: "animals", column: "name", as: "hash" },
];

describe("a masked clone of production's database", function () {
  this.timeout(90_000);
  let production: DatabaseAddress;
  let staging: Staging;
  before(async () => (production = await makeProductionDatabase()));
  beforeEach(async () => (staging = await makeStaging()));
  afterEach(() => removeStaging(staging));

  const leftovers = () => readdirSync(join(staging.folder, "backups"));

  it("has every row, and no value of a masked column, in tables, partitions, heirs and what is made of them", async () => {
    const before = await contents(production);
    const lines: string[] = [];
    const found = await clone(await wishOf(production, staging, rules), lines);
    assert.deepEqual(await contents(production), before);
    const cloned = await contents(staging.address);
    assert.deepEqual(
      cloned.filter((row) => row.includes(secret) || /freya\d|Freya\d/.test(row)),
      [],
    );
    const count = (rows: readonly string[], table: string) =>
      rows.filter((row) => row.startsWith(`public.${table} `)).length;
    for (const table of ["people", "letters", "visits_2025", "visits_rest", "animals", "cats", "counted", "tasks"])
      assert.equal(count(cloned, table), count(before, table), table);
    assert.equal(count(cloned, "stagings_own"), 0);
    const mail = found.masked.find(({ table, column }) => table === "people" && column === "mail");
    assert.deepEqual(mail, { table: "people", column: "mail", kind: "email", rows: 501, values: 501 });
    assert.equal(found.masked.find(({ column }) => column === "token")?.values, 500);
    assert.ok(!lines.some((line) => line.includes(secret)), lines.join("\n"));
    assert.deepEqual(leftovers(), []);
  });

  it("keeps what is equal equal and what is unique unique, and leaves null as null", async () => {
    await clone(await wishOf(production, staging, rules));
    const [found] = await query<Record<string, number>>(
      staging.address,
      `SELECT count(*)::int AS letters, count(DISTINCT p.id)::int AS people, count(DISTINCT p.mail)::int AS mails,
              count(DISTINCT p.name)::int AS names, count(*) FILTER (WHERE p.greeting = 'Dear ' || p.name)::int AS greetings,
              count(*) FILTER (WHERE p.mail ~ '^[0-9a-f]{16}@example.invalid$')::int AS addresses,
              (SELECT count(*)::int FROM people WHERE name IS NULL AND token IS NULL AND photo IS NULL) AS nulls
       FROM letters l JOIN people p ON p.id = l.person`,
    );
    assert.deepEqual(found, {
      letters: 500,
      people: 500,
      mails: 500,
      names: 500,
      greetings: 500,
      addresses: 500,
      nulls: 1,
    });
    // The statistics of the clone are its own.
    const stats = await query<{ text: string }>(
      staging.address,
      "SELECT most_common_vals::text || histogram_bounds::text AS text FROM pg_stats",
    );
    assert.ok(!stats.some(({ text }) => text?.includes(secret)));
  });

  it("hashes with a key of the run, which nobody can compute again", async () => {
    const hash = [{ table: "people", column: "name", as: "hash" }];
    const names = async () => {
      await clone({ ...(await wishOf(production, staging, hash)), at: Date.now() });
      return (await query<{ name: string }>(staging.address, "SELECT name FROM people WHERE id = 7"))[0]?.name;
    };
    const [first, second] = [await names(), await names()];
    assert.match(first ?? "", /^[0-9a-f]{32}$/);
    assert.notEqual(first, second);
  });

  it("hashes by HMAC-SHA-256", async () => {
    const { masked } = await plan(production, [{ table: "people", column: "name", as: "hash" }]);
    const row = await withClient(production, { name: "test", readOnly: true }, async (client) => {
      await useMaskKey(client, newMaskKey(Buffer.from("a key")));
      const hash = masked[0]?.masks[0]?.expression ?? "";
      return (
        await client.query<{ name: string; hash: string }>(`SELECT name, ${hash} AS hash FROM people WHERE id = 7`)
      ).rows[0];
    });
    const expected = createHmac("sha256", "a key")
      .update(row?.name ?? "")
      .digest("hex");
    assert.equal(row?.hash, expected.slice(0, 32));
  });

  it("takes staging's name, and keeps the database that it replaces, but no earlier clone", async () => {
    const before = (await contents(staging.address)).filter((row) => !row.startsWith("octollm_upgrade."));
    const first = await clone(await wishOf(production, staging, []));
    assert.deepEqual(await databasesOf(staging), ["staging", "staging_before_clone-*"]);
    const kept = await contents({ ...staging.address, database: first.kept ?? "" });
    assert.deepEqual(
      kept.filter((row) => !row.startsWith("octollm_upgrade.")),
      before,
    );
    const second = await clone({ ...(await wishOf(production, staging, [])), at: Date.now() + 5_000 });
    assert.equal(second.kept, null);
    assert.deepEqual(await databasesOf(staging), ["staging", "staging_before_clone-*"]);
  });

  it("carries staging's own attempts on, and is the last of them", async () => {
    await query(staging.address, "UPDATE octollm_upgrade.attempts SET stack = 'staging'");
    await query(production, "UPDATE octollm_upgrade.attempts SET stack = 'prod'");
    await clone(await wishOf(production, staging, []));
    const attempts = await query(
      staging.address,
      "SELECT attempt, stack, status, direction, to_version, revision, environment_digest AS digest FROM octollm_upgrade.attempts ORDER BY 1",
    );
    assert.deepEqual(attempts[0], { ...attempts[0], attempt: 1, stack: "staging", status: "succeeded" });
    const last = { attempt: 2, stack: "staging", status: "succeeded", direction: "none", to_version: "0.1.0" };
    assert.deepEqual(attempts.slice(1), [{ ...last, revision: "def456", digest: "0123456789ab" }]);
  });

  it("is read by a role that may only read", async () => {
    const role = `reader_${Math.random().toString(16).slice(2)}`;
    await query(production, `CREATE ROLE ${role} LOGIN PASSWORD 'reads' IN ROLE pg_read_all_data`);
    const wish = await wishOf({ ...production, user: role, password: "reads" }, staging, rules);
    const found = await clone(wish);
    assert.equal(found.tables, 7);
  });

  it("ends the sessions of clients that stay on staging's database", async () => {
    await outsider(staging.address, async (client) => {
      const ended = new Promise((resolve) => client.once("end", resolve));
      await clone(await wishOf(production, staging, []));
      await ended;
    }).catch(() => undefined);
    assert.ok((await contents(staging.address)).some((row) => row.startsWith("public.people ")));
  });

  it("ends at once when it is cancelled, also while it waits for a table, and leaves nothing", async () => {
    const own = await contents(staging.address);
    const wish = await wishOf(production, staging, rules);
    const cancel = new AbortController();
    await outsider(production, async (client) => {
      await client.query("BEGIN; LOCK TABLE people IN ACCESS EXCLUSIVE MODE");
      const began = Date.now();
      const cloning = cloneProduction(wish, { signal: cancel.signal, progress: () => undefined });
      await Promise.all([
        assert.rejects(cloning, /enough/),
        sleep(1_500).then(() => cancel.abort(new Error("enough"))),
      ]);
      assert.ok(Date.now() - began < 20_000);
    });
    assert.deepEqual(
      [await contents(staging.address), await databasesOf(staging), leftovers()],
      [own, ["staging"], []],
    );
  });

  describe("is refused, with staging as it was,", () => {
    async function refusal(rule: MaskingRule, ...sql: string[]): Promise<string> {
      const own = await makeProductionDatabase();
      for (const statement of sql) await query(own, statement);
      const before = await contents(staging.address);
      const lines: string[] = [];
      const error = await clone(await wishOf(own, staging, [rule]), lines).then(
        () => assert.fail("it was cloned"),
        (fault: unknown) => String(fault),
      );
      assert.deepEqual(await contents(staging.address), before);
      assert.deepEqual(await databasesOf(staging), ["staging"]);
      assert.deepEqual(leftovers(), []);
      assert.ok(!`${error}${lines.join("")}`.includes("Freya"), error);
      return error;
    }

    it("where a mask leaves a value as it is", async () => {
      const as = "CASE WHEN id = 77 THEN body ELSE 'x' END";
      assert.match(
        await refusal({ table: "letters", column: "body", as }),
        /The masks of table letters leave values as they are: body \(1 values\)/,
      );
    });

    it("where a mask does not fit the column's constraint, without a word of the row", async () => {
      const said = await refusal(
        { table: "letters", column: "body", as: "'long ' || body" },
        "ALTER TABLE letters ADD CONSTRAINT short_body CHECK (body NOT LIKE 'long%')",
      );
      assert.match(
        said,
        /The masked rows of table letters do not fit into it: SQLSTATE 23514 \(schema public, table letters, constraint short_body\)/,
      );
    });

    it("where a mask makes two rows equal that must not be, without a word of them", async () => {
      const said = await refusal({ table: "people", column: "mail", as: "'Freya'" });
      assert.match(said, /could not create unique index "people_mail_key"/);
    });

    it("where an expression fails over a row, without a word of it", async () => {
      const said = await refusal({ table: "letters", column: "body", as: "(body::int + 1)::text" });
      assert.match(said, /Table letters could not be read through its masks: SQLSTATE 22P02/);
    });
  });

  it("names every rule that cannot be kept, before anything is read", async () => {
    const refused: readonly [MaskingRule, RegExp][] = [
      [{ table: "persons", column: "mail", as: "hash" }, /production's database has no table 'persons'/],
      [{ table: "people", column: "phone", as: "hash" }, /table people has no column 'phone'/],
      [{ table: "people", column: "mail", as: "null" }, /column mail is NOT NULL/],
      [{ table: "people", column: "greeting", as: "hash" }, /greeting of people is generated/],
      [{ table: "visits", column: "at", as: "current_date" }, /decides in which partition a row is/],
      [
        { table: "people", column: "feeling", as: "hash" },
        /column feeling is mood, which a hash cannot be; write an SQL expression/,
      ],
      [{ table: "people", column: "short", as: "email" }, /holds 8 characters, and such an address has 32/],
      [{ table: "people", column: "id", as: "hash" }, /a foreign key ties id to public\.letters\.person/],
      [
        { table: "letters", column: "person", as: "1" },
        /a foreign key ties person to public\.people\.id: mask both as 'hash'/,
      ],
      [
        { table: "people", column: "name", as: "name || (SELECT mail FROM people LIMIT 1)" },
        /is no SQL expression over the row/,
      ],
      [
        { table: "people", column: "name", as: "1) FROM t; DROP TABLE people; SELECT (1" },
        /is no SQL expression over the row/,
      ],
      [{ table: "people", column: "name", as: "upper(" }, /is no SQL expression over the row/],
      [{ table: "people", column: "name", as: "people::text" }, /the expression reads the whole row/],
      [{ table: "people", column: "name", as: "phone" }, /table people has no column 'phone'/],
    ];
    for (const [rule, pattern] of refused) {
      const { faults } = await plan(production, [rule]);

      assert.match(faults.join("\n"), pattern);
      assert.match(faults[0] ?? "", /^octollm:rehearsal\.masking\[0\]: /);
    }
    const leak = [
      { table: "people", column: "name", as: "hash" },
      { table: "people", column: "mail", as: "name || '@example.invalid'" },
    ];
    assert.match(
      (await plan(production, leak)).faults.join("\n"),
      /masking\[1\]: the expression reads name, which is masked itself/,
    );
    const twice = [
      { table: "visits", column: "who", as: "hash" },
      { table: "visits_rest", column: "who", as: "hash" },
    ];
    assert.match(
      (await plan(production, twice)).faults.join("\n"),
      /column who of visits_rest has another rule already/,
    );
  });
});
