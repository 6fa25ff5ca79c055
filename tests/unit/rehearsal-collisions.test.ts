import assert from "node:assert/strict";
import { linkSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { findCollisions, sameDatabase } from "../../rehearsal/staging/collisions";
import { followed, type Named } from "../../rehearsal/staging/named";

/** A stack that shares nothing with another of these. */
function named(stack: string, port: number, changes: Partial<Named> = {}): Named {
  const home = `/srv/${stack}`;
  return {
    stack,
    target: "local",
    database: { name: `octollm_${stack}`, systemIdentifier: "7123", places: ["10.0.0.1:5432"] },
    folders: {
      environmentFile: `${home}/.env`,
      installation: home,
      configFolder: `${home}/config`,
      "backup.folder": `/var/backups/${stack}`,
      "report.folder": `${home}/reports`,
    },
    environmentIdentity: `1:${stack}`,
    services: [{ name: "orchestrator", port, log: `${home}/logs/o.log`, container: null }],
    urls: { REDIS_URL: `${stack}:6379/0`, WEBHOOK_URL: `${stack}.example.com:443/hook` },
    ...changes,
  };
}

const production = named("prod", 8000);
const collide = (changes: Partial<Named>, mayShare: readonly string[] = []) =>
  findCollisions(named("staging", 8100, changes), production, mayShare);
const folders = (changes: Record<string, string>) => ({ folders: { ...named("staging", 8100).folders, ...changes } });

describe("what staging and production both name", () => {
  it("is nothing where each has its own, also on one server and one host", () => {
    assert.deepEqual(collide({}), []);
  });

  const table: readonly [string, Partial<Named>, RegExp][] = [
    ["the stack", { stack: "prod" }, /^octollm:rehearsal\.production: 'prod' is this stack itself/],
    [
      "the database",
      { database: production.database },
      /^database: staging's 'octollm_prod' is production's own \(cluster 7123\)/,
    ],
    [
      "a database of the same name on a cluster that nobody may know",
      { database: { name: "octollm_prod", systemIdentifier: null, places: ["10.0.0.9:5432"] } },
      /^database: both are called 'octollm_prod', and nobody can tell whether they are one.*GRANT EXECUTE/,
    ],
    [
      "the .env",
      folders({ environmentFile: "/srv/prod/.env" }),
      /^octollm:environmentFile: '\/srv\/prod\/\.env' is production's environmentFile too/,
    ],
    [
      "the .env by a hard link",
      { environmentIdentity: production.environmentIdentity },
      /^octollm:environmentFile: .* is production's \.env by another name/,
    ],
    [
      "the installation",
      folders({ installation: "/srv/prod" }),
      /^octollm:installation: '\/srv\/prod' is production's installation too/,
    ],
    [
      "an installation within the other",
      folders({ installation: "/srv/prod/staging" }),
      /^octollm:installation: .* lies in production's installation '\/srv\/prod'/,
    ],
    [
      "an installation around the other",
      folders({ installation: "/srv" }),
      /^octollm:installation: production's installation '\/srv\/prod' lies in '\/srv'/,
    ],
    [
      "the config folder",
      folders({ configFolder: "/srv/prod/config" }),
      /^octollm:configFolder: '\/srv\/prod\/config' is production's configFolder too/,
    ],
    [
      "the backup folder",
      folders({ "backup.folder": "/var/backups/prod" }),
      /^octollm:backup\.folder: '\/var\/backups\/prod' is production's backup\.folder too/,
    ],
    [
      "a backup folder above the other",
      folders({ "backup.folder": "/var/backups" }),
      /^octollm:backup\.folder: production's backup\.folder .* lies in '\/var\/backups'/,
    ],
    [
      "the report folder",
      folders({ "report.folder": "/srv/prod/reports" }),
      /^octollm:report\.folder: .* is production's report\.folder too/,
    ],
    [
      "a port",
      { services: [{ name: "judge", port: 8000, log: null, container: null }] },
      /^octollm:services\[0\]\.port: '8000' of judge is that of production's orchestrator/,
    ],
    [
      "a log",
      { services: [{ name: "o", port: 1, log: "/srv/prod/logs/o.log", container: null }] },
      /^octollm:services\[0\]\.log: /,
    ],
    [
      "a store of .env",
      { urls: { CACHE: "prod:6379/0" } },
      /^\.env: CACHE leads where production's does \(prod:6379\/…, there as REDIS_URL\).*'rehearsal\.mayShare\[0\]' CACHE/,
    ],
  ];
  for (const [what, changes, expected] of table)
    it(`is refused by name: ${what}`, () => {
      const found = collide(changes);
      assert.equal(found.length, 1, found.join("\n"));
      assert.match(found[0] ?? "", expected);
    });

  it("is a container, too, but no port that a container has to itself", () => {
    const box = { name: "o", port: 0, log: null, container: "octollm-orchestrator-1" };
    const found = findCollisions(named("staging", 0, { services: [box] }), named("prod", 0, { services: [box] }), []);
    assert.deepEqual(found, ["octollm:services[0].container: 'octollm-orchestrator-1' of o is that of production's o"]);
  });

  it("is listed whole, and shows no more of a URL than its host", () => {
    const found = findCollisions(
      { ...named("staging", 1), urls: production.urls, folders: production.folders },
      production,
      [],
    );
    assert.equal(found.length, 5 + 2);
    assert.ok(!found.join().includes("hook"));
  });

  it("may be shared where the settings say so of a variable", () => {
    assert.deepEqual(collide({ urls: production.urls }, ["REDIS_URL", "WEBHOOK_URL"]), []);
  });

  it("tells databases apart by cluster and name, and by address only where a cluster is not to be known", () => {
    const one = { name: "octollm", systemIdentifier: "1", places: ["::1:5432"] };
    assert.equal(sameDatabase(one, { ...one, places: ["10.0.0.1:6432"] }), "same");
    assert.equal(sameDatabase(one, { ...one, systemIdentifier: "2" }), "other");
    assert.equal(sameDatabase(one, { ...one, systemIdentifier: null }), "same");
    assert.equal(sameDatabase(one, { ...one, systemIdentifier: null, places: [] }), "unknown");
    assert.equal(sameDatabase(one, { ...one, name: "other" }), "other");
  });
});

describe("a path of a stack", () => {
  it("is followed through links before it is compared, also where nothing is yet", async () => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), "octollm-paths-")));
    try {
      mkdirSync(join(folder, "prod"));
      writeFileSync(join(folder, "prod", ".env"), "");
      linkSync(join(folder, "prod", ".env"), join(folder, "hard"));
      symlinkSync(join(folder, "prod"), join(folder, "staging"));
      assert.equal(await followed(join(folder, "staging", ".env")), join(folder, "prod", ".env"));
      assert.equal(await followed(join(folder, "staging", "backups", "new")), join(folder, "prod", "backups", "new"));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
