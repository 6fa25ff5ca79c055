import { createHash } from "node:crypto";

import { CatalogueError } from "./errors";
import type { Migration, Script } from "./release";
import { readStatements } from "./section-statements";
import { alwaysStops, losingStatement } from "./waivers";

const revisionPattern = /^[A-Za-z0-9_]{1,32}$/;

/** Header keys, each with the values it may have; a pattern where any text of a form will do. */
const headerRules: Record<string, RegExp | readonly string[]> = {
  revision: revisionPattern,
  down_revision: revisionPattern,
  title: /\S/,
  transaction: ["transactional", "none"],
  phase: ["pre", "post"],
  previous_code: ["runs", "breaks"],
  writers: ["stopped", "online"],
  down: ["exact", "kept", "lossy", "none"],
  down_loss: /\S/,
};
const optionalKeys = new Set(["down_loss"]);

interface Header {
  readonly values: Map<string, string>;
  readonly lines: Map<string, number>;
}

/**
 * Reads one migration file: header comments, then the sections `-- up` and `-- down`.
 *
 * @param text - the file's text
 * @param file - its path below the catalogue's folder
 * @param release - version of the release that brings it
 * @throws CatalogueError with file, line and reason
 */
export function parseMigrationFile(text: string, file: string, release: string): Migration {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const upLine = lines.indexOf("-- up");
  const downLine = lines.indexOf("-- down");
  const fail = (line: number, reason: string) => new CatalogueError([{ file, line, reason }]);
  if (upLine < 0) throw fail(lines.findLastIndex((line) => line !== "") + 1, "has no section '-- up'");
  if (downLine >= 0 && downLine < upLine) throw fail(downLine + 1, "section '-- down' must come after '-- up'");

  const header = readHeader(lines.slice(0, upLine), file);
  const get = (key: string) => header.values.get(key) ?? "";
  const lineOf = (key: string) => header.lines.get(key) ?? 1;
  const downClass = get("down") as Migration["downClass"];
  const downLoss = header.values.get("down_loss") ?? null;
  if (downClass === "none" && downLine >= 0) throw fail(downLine + 1, "says 'down: none' and has a section '-- down'");
  if (downClass !== "none" && downLine < 0)
    throw fail(lineOf("down"), "has no section '-- down'; else say 'down: none'");
  if ((downClass === "none" || downClass === "lossy") && !downLoss)
    throw fail(lineOf("down"), `'down: ${downClass}' needs a header 'down_loss' that says what is lost`);
  if (
    !file
      .split("/")
      .at(-1)
      ?.startsWith(`${get("revision")}_`)
  )
    throw fail(lineOf("revision"), `the file's name must begin with '${get("revision")}_'`);

  const transaction = get("transaction") as Migration["transaction"];
  const behaviour = {
    phase: get("phase") as Migration["phase"],
    previousCode: get("previous_code") as Migration["previousCode"],
    writers: get("writers") as Migration["writers"],
  };
  const section = (from: number, to: number, isDown: boolean) =>
    readSection({ lines, from, to, file, transaction, isDown, alwaysStopped: alwaysStops(behaviour) });
  const up = section(upLine + 1, downLine < 0 ? lines.length : downLine, false);
  const gone = downClass === "exact" ? losingStatement(up.statements) : undefined;
  if (gone)
    throw fail(
      gone.line,
      "what this drops no down brings back: say 'down: kept', 'lossy' or 'none' instead of 'exact'",
    );
  return {
    revision: get("revision"),
    downRevision: get("down_revision") === "none" ? null : get("down_revision"),
    title: get("title"),
    release,
    file,
    transaction,
    ...behaviour,
    up,
    down: downLine < 0 ? null : section(downLine + 1, lines.length, true),
    downClass,
    downLoss,
    checksum: createHash("sha256").update(text.replaceAll("\r\n", "\n")).digest("hex"),
  };
}

function readHeader(lines: readonly string[], file: string): Header {
  const header: Header = { values: new Map(), lines: new Map() };
  const faults: { file: string; line: number; reason: string }[] = [];
  lines.forEach((text, index) => {
    if (text.trim() === "") return;
    const [, key = "", value = ""] = /^-- ([a-z_]+): *(.*?) *$/.exec(text) ?? [];
    const rule = Object.hasOwn(headerRules, key) ? headerRules[key] : undefined;
    const fault = (reason: string) => faults.push({ file, line: index + 1, reason });
    if (!rule) fault(key ? `unknown header '${key}'` : "before '-- up' only header lines '-- key: value' may stand");
    else if (header.values.has(key)) fault(`header '${key}' stands twice`);
    else if (rule instanceof RegExp ? !rule.test(value) : !rule.includes(value))
      fault(`header '${key}' may not be '${value}'${rule instanceof RegExp ? "" : `: one of ${rule.join(", ")}`}`);
    header.values.set(key, value);
    header.lines.set(key, index + 1);
  });
  for (const key of Object.keys(headerRules))
    if (!header.values.has(key) && !optionalKeys.has(key))
      faults.push({ file, line: 1, reason: `header '${key}' is missing` });
  if (faults.length > 0) throw new CatalogueError(faults);
  return header;
}

interface SectionOfFile {
  readonly lines: readonly string[];
  readonly from: number;
  readonly to: number;
  readonly file: string;
  readonly transaction: Migration["transaction"];
  readonly isDown: boolean;
  readonly alwaysStopped: boolean;
}

function readSection({ lines, from, to, ...scope }: SectionOfFile): Script {
  const bounded = lines.slice(from, to);
  const first = bounded.findIndex((line) => line.trim() !== "");
  const last = bounded.findLastIndex((line) => line.trim() !== "");
  const sql = first < 0 ? [] : bounded.slice(first, last + 1).map((line) => line.trimEnd());
  const firstLine = from + first + 1;
  const statements = readStatements({ ...scope, lines: sql, firstLine });
  if (statements.length === 0)
    throw new CatalogueError([{ file: scope.file, line: from, reason: "this section has no statement" }]);
  return { sql, firstLine, statements };
}
