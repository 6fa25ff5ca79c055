import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import fc from "fast-check";

import { BackupError } from "../../backup/errors";
import { listBackups } from "../../backup/list";
import { manifestFile, readManifest } from "../../backup/manifest";
import { parseCheckpoint } from "../../engine/backend/checkpoint";
import { OperatorError } from "../../engine/errors";
import { databaseAddress, DatabaseAddressError } from "../../environment/database-address";
import { DotenvFile, expandedValues } from "../../environment/dotenv-file";
import { readRecord } from "../../runtimes/local/record";
import type { ProcessSpec } from "../../runtimes/runtime";
import { parseSettings, SettingsError } from "../../settings";
import { anyDotenv } from "./environment-arbitrary";
import { hostileText, hostileValue, spoilt } from "./hostile-arbitrary";

/** What a reader makes of its input, or undefined when it refuses with a text; any other error is a crash. */
function readOrRefused<T>(read: () => T, ...refusals: (new (...args: never[]) => Error)[]): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!refusals.some((refusal) => error instanceof refusal)) throw error;
    assert.ok((error as Error).message.length > 20, "a refusal without a text");
    return undefined;
  }
}

const service = { name: "orchestrator", command: "serve {version}", port: 8000, health: "/health", log: "logs/o.log" };
const stack = {
  version: "1.0.0",
  target: "local",
  services: [service],
  database: { key: "DATABASE_URL", host: "", port: 0 },
  backup: { folder: "backups", jobs: 2 },
  verification: {
    ...{ logAllow: ["^x"], logErrors: ["y$"], indexes: ["i"], task: true, errorRate: 0.5, latencySlack: 5 },
    smoke: [{ service: "orchestrator", method: "GET", path: "/x", status: 200, measure: "x" }],
    invariants: [{ name: "x", violations: "SELECT 0" }],
  },
};

describe("input from people who wish no good", () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), "octollm-hostile-"))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("settings are read or refused with a text, and a service's name never leads out of a folder", () => {
    const asText = (value: unknown) => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""));
    fc.assert(
      fc.property(spoilt(stack), fc.dictionary(hostileText, hostileValue, { maxKeys: 2 }), (settings, others) => {
        const raw = Object.entries({ ...(settings as object), ...others }).map(([key, value]) => [key, asText(value)]);
        const read = readOrRefused(
          () => parseSettings(Object.fromEntries(raw) as Record<string, string>, []),
          SettingsError,
        );
        for (const { name } of read?.services ?? [])
          assert.equal(resolve(folder, `${name}.json`), join(folder, `${name}.json`));
      }),
      { numRuns: 150 },
    );
  });

  it("a backup's manifest is read or refused, and no path in it leads out of the backup", async () => {
    const manifest = {
      formatVersion: 1,
      id: "b1",
      created: "2026-01-01T00:00:00.000Z",
      installation: { database: "octollm", systemIdentifier: "7", serverVersion: "15.1" },
      tool: { program: "/usr/bin/pg_dump", version: "15.1", compression: "1" },
      release: "0.1.0",
      revision: "def456",
      planId: "0123456789ab",
      attempt: 2,
      counts: { tasks: 5 },
      files: [{ path: "database/toc.dat", bytes: 1, sha256: "0".repeat(64) }],
      seconds: 1.5,
    };
    const backup = join(folder, "backups", "b1");
    mkdirSync(backup, { recursive: true });
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          spoilt(manifest).map((value) => JSON.stringify(value)),
          hostileText,
        ),
        async (text) => {
          writeFileSync(join(backup, manifestFile), text ?? "");
          const read = await readManifest(backup).catch((error: unknown) => {
            assert.ok(error instanceof BackupError, String(error));
            return null;
          });
          for (const { path } of read?.files ?? []) assert.ok(resolve(backup, path).startsWith(`${backup}/`), path);
          assert.equal((await listBackups(join(folder, "backups"))).length, 1);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("a state file is read or refused, by its name", () => {
    const urn = "urn:pulumi:dev::octollm::pulumi:pulumi:Stack::octollm-dev";
    const state = {
      version: 3,
      checkpoint: {
        stack: "organization/octollm/dev",
        latest: {
          manifest: { time: "2026-01-01T00:00:00Z", magic: "", version: "v3" },
          secrets_providers: { type: "passphrase", state: { salt: "v1:AAAA" } },
          resources: [
            { urn, type: "pulumi:pulumi:Stack", custom: false, outputs: { a: "b" }, dependencies: [] },
            { urn: `${urn}2`, type: "pulumi:pulumi:Stack", custom: false, parent: urn, dependencies: [urn] },
          ],
          pending_operations: [],
        },
      },
    };
    const texts = fc.oneof(
      spoilt(state).map((value) => JSON.stringify(value) ?? ""),
      hostileText,
    );
    fc.assert(
      fc.property(texts, (text) => void readOrRefused(() => parseCheckpoint("dev.json", text), OperatorError)),
      { numRuns: 600 },
    );
  });

  it("what is remembered of a service is read or forgotten, and names no process group", () => {
    const stateFolder = join(folder, "services");
    mkdirSync(stateFolder, { recursive: true });
    const record = {
      pid: 7,
      identity: "7 1",
      token: "t",
      release: "0.1.0",
      specDigest: "d",
      startedAt: "x",
      adopted: false,
    };
    fc.assert(
      fc.property(
        fc.oneof(
          spoilt(record).map((value) => JSON.stringify(value) ?? ""),
          hostileText,
        ),
        (text) => {
          writeFileSync(join(stateFolder, "orchestrator.json"), text);
          const read = readRecord({ name: "orchestrator", stateFolder } as ProcessSpec);
          if (read) assert.ok(read.pid === null || (Number.isSafeInteger(read.pid) && read.pid > 0), String(read.pid));
        },
      ),
      { numRuns: 200 },
    );
  });

  it("an .env file leads to a database or to a text without its values", () => {
    const url = fc.oneof(
      hostileText,
      fc.constantFrom(
        "postgresql://u:mark-secret@h:99999/d",
        "postgresql://u:mark-secret@/d",
        "mysql://u:mark-secret@h/d",
        "postgresql://u:mark%ZZ-secret@h/d?sslmode=x",
      ),
    );
    fc.assert(
      fc.property(anyDotenv, url, (text, value) => {
        const file = DotenvFile.parse(`${text}\nDATABASE_URL=${value}\nSELF=\${SELF}\${OTHER}\nOTHER=\${SELF}\n`);
        try {
          databaseAddress(file);
        } catch (error) {
          assert.ok(error instanceof DatabaseAddressError, String(error));
          assert.ok(!/mark/.test(error.message), error.message);
        }
        expandedValues(file);
      }),
      { numRuns: 300 },
    );
  });
});
