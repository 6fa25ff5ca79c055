import { createHash } from "node:crypto";

import { parseStatements } from "../postgres/statements";
import { CatalogueError } from "./errors";
import { judgeOnline } from "./online-writers";
import type { Migration } from "./release";
import {
  findSections,
  parseBatchedSection,
  readBatchedScript,
  readScript,
  type Section,
  type SectionedFile,
  type SectionName,
} from "./sections";
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
  down_loss_count: /^\s*SELECT\s/i,
};
const optionalKeys = new Set(["down_loss", "down_loss_count"]);

interface Header {
  readonly values: Map<string, string>;
  readonly lines: Map<string, number>;
}

/**
 * Reads one migration file: header comments, then the sections `-- up`, `-- up batched`, `-- down` and `-- down batched`.
 *
 * @param text - the file's text
 * @param file - its path below the catalogue's folder
 * @param release - version of the release that brings it
 * @throws CatalogueError with file, line and reason
 */
export function parseMigrationFile(text: string, file: string, release: string): Migration {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const fail = (line: number, reason: string) => new CatalogueError([{ file, line, reason }]);
  const sections = findSections(lines, file);
  const [first] = sections;
  if (!first || !sections.some(({ name }) => name.startsWith("-- up")))
    throw fail(lines.findLastIndex((line) => line !== "") + 1, "has no section '-- up'");

  const header = readHeader(lines.slice(0, first.from - 1), file);
  const get = (key: string) => header.values.get(key) ?? "";
  const lineOf = (key: string) => header.lines.get(key) ?? 1;
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
  const downClass = get("down") as Migration["downClass"];
  const downLoss = header.values.get("down_loss") ?? null;
  const downLossCount = header.values.get("down_loss_count") ?? null;
  judgeDown({ sections, downClass, downLoss, line: lineOf("down"), fail });
  if (downLossCount !== null && !isQuery(downLossCount, file, lineOf("down_loss_count")))
    throw fail(
      lineOf("down_loss_count"),
      "header 'down_loss_count' must be one query, such as SELECT count(*) FROM ...",
    );
  const whole = { lines, file, transaction, alwaysStopped: alwaysStops(behaviour) };
  const ways = readWays(whole, sections, behaviour.writers);
  const statements = [...ways.up.statements, ...(ways.upBatched?.statements ?? [])];
  const gone = downClass === "exact" ? losingStatement(statements) : undefined;
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
    ...ways,
    downClass,
    downLoss,
    downLossCount,
    checksum: createHash("sha256").update(text.replaceAll("\r\n", "\n")).digest("hex"),
  };
}

/** @throws SqlSyntaxError with file and line */
function isQuery(sql: string, file: string, line: number): boolean {
  const statements = parseStatements(sql, { file, firstLine: line });
  return statements.length === 1 && statements.every(({ node }) => "SelectStmt" in node);
}

interface DownClaims extends Pick<Migration, "downClass" | "downLoss"> {
  readonly sections: readonly Section[];
  /** Line of the header `down`. */
  readonly line: number;
  readonly fail: (line: number, reason: string) => CatalogueError;
}

/** What the header says of the way down must be what the file has. */
function judgeDown({ sections, downClass, downLoss, line, fail }: DownClaims): void {
  const section = (name: SectionName) => sections.find((other) => other.name === name);
  const down = section("-- down") ?? section("-- down batched");
  if (downClass === "none" && down) throw fail(down.from, `says 'down: none' and has a section '${down.name}'`);
  if (downClass !== "none" && !down) throw fail(line, "has no section '-- down'; else say 'down: none'");
  if ((downClass === "none" || downClass === "lossy") && !downLoss)
    throw fail(line, `'down: ${downClass}' needs a header 'down_loss' that says what is lost`);
  const batched = section("-- up batched") ?? section("-- down batched");
  if (!batched || downClass === "none") return;
  const other = batched.name === "-- up batched" ? "-- down batched" : "-- up batched";
  if (!section(other))
    throw fail(batched.from, `needs a section '${other}' too: batches that stopped half-way are undone by it`);
}

type Ways = Pick<Migration, "up" | "down" | "upBatched" | "downBatched">;

function readWays(whole: SectionedFile, sections: readonly Section[], writers: Migration["writers"]): Ways {
  const read = (name: SectionName) => {
    const plain = sections.find((section) => section.name === name);
    const batched = sections.find((section) => section.name === `${name} batched`);
    const script = plain ? readScript(whole, plain) : null;
    return { script, batched: batched ? readBatchedScript(whole, batched, !plain) : null, section: batched };
  };
  const up = read("-- up");
  const down = read("-- down");
  if (writers === "online") {
    const batched = up.batched && up.section && { script: up.batched, parsed: parseBatchedSection(whole, up.section) };
    const faults = judgeOnline(whole.file, up.script, batched ?? null);
    if (faults.length > 0) throw new CatalogueError(faults);
  }
  const first = up.script ?? up.batched;
  if (!first) throw new CatalogueError([{ file: whole.file, reason: "has no section '-- up'" }]);
  return { up: first, down: down.script ?? down.batched, upBatched: up.batched, downBatched: down.batched };
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
