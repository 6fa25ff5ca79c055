import fc from "fast-check";

import { loadParser, SqlSyntaxError } from "../../postgres/statements";
import { CatalogueError } from "../../releases/errors";
import { parseMigrationFile } from "../../releases/migration-file";
import { parseReleaseFile } from "../../releases/release-file";

describe("whatever stands in a release's files", () => {
  before(loadParser);

  const onlyCatalogueErrors = (read: () => unknown): void => {
    try {
      read();
    } catch (error) {
      if (!(error instanceof CatalogueError) && !(error instanceof SqlSyntaxError)) throw error;
    }
  };
  const yamlish = fc.stringMatching(/^[\s"'&*!|>%@`{}[\],:#?a-c0-9.<~-]{0,40}$/);
  const keys = ["version", "date", "environment", "smoke", "api", "images", "__proto__", "constructor"];
  const document = fc
    .array(fc.tuple(fc.constantFrom(...keys), fc.oneof(yamlish, fc.json())), { maxLength: 6 })
    .map((lines) => lines.map(([key, value]) => `${key}: ${value}`).join("\n"));

  it("release.yaml is read or refused, never a crash", () => {
    const texts = fc.oneof(fc.string(), fc.string({ unit: "binary" }), yamlish, document);
    fc.assert(
      fc.property(texts, (text) => onlyCatalogueErrors(() => parseReleaseFile(text, "release.yaml"))),
      { numRuns: 600 },
    );
  });

  it("a migration is read or refused, never a crash", () => {
    const line = fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 30 }),
      fc.tuple(fc.stringMatching(/^[a-z_]{1,12}$/), fc.string()).map(([key, value]) => `-- ${key}: ${value}`),
      fc.constantFrom(
        "-- up",
        "-- down",
        "-- down: none",
        "-- __proto__: x",
        "-- constructor: x",
        "-- revision: a",
        "SELECT $1;",
        "SELECT 'ä",
        "$$",
      ),
    );
    const header =
      "-- revision: a1\n-- down_revision: none\n-- title: t\n-- transaction: none\n-- phase: pre\n" +
      "-- previous_code: runs\n-- writers: online\n-- down: exact\n-- up\n";
    const lines = fc.array(line, { maxLength: 12 }).map((all) => all.join("\n"));
    const texts = fc.oneof(
      lines,
      lines.map((text) => header + text),
      lines.map((text) => `${header}SELECT 1;\n-- down\n${text}`),
    );
    fc.assert(
      fc.property(texts, (text) =>
        onlyCatalogueErrors(() => parseMigrationFile(text, "0/migrations/a1_x.sql", "1.0.0")),
      ),
      { numRuns: 400 },
    );
  });
});
