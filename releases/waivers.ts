import { hazards, isHazardName } from "../postgres/hazards/table";
import { CatalogueError, type CatalogueFault } from "./errors";
import type { Migration, Statement, Waiver } from "./release";

/** What decides whether a hazard of a section can ever count. */
export interface WaiverScope {
  readonly file: string;
  /** The section's lines, and the number of the first. */
  readonly lines: readonly string[];
  readonly firstLine: number;
  /** Whether the services are stopped whenever it runs, so that there is nobody to block. */
  readonly alwaysStopped: boolean;
  /** The way down is judged by what it loses, not by its hazards. */
  readonly isDown: boolean;
}

/** Whether the services are always stopped while a revision runs. */
export function alwaysStops({ phase, writers, previousCode }: Pick<Migration, "phase" | "writers" | "previousCode">) {
  return phase === "pre" && (writers === "stopped" || previousCode === "breaks");
}

/**
 * Reads the comments `-- allow: <hazard>: <reason>` of a section; each belongs to the statement that comes next.
 *
 * @returns the statements with what is waived for them
 * @throws CatalogueError for an unknown hazard, one without a reason, and one that nothing needs
 */
export function withWaivers(statements: readonly Statement[], scope: WaiverScope): Statement[] {
  const faults: CatalogueFault[] = [];
  const found = statements.map((statement): Statement & { waivers: Waiver[] } => ({ ...statement, waivers: [] }));
  const possible = possibleHazards(statements, scope);
  for (const { line, text } of comments(scope, statements)) {
    const fault = (reason: string) => faults.push({ file: scope.file, line, reason });
    const index = statements.findIndex((statement) => statement.line > line);
    const [, name = "", reason = ""] = /^([a-z-]*)\s*:?\s*(.*?)\s*$/.exec(text) ?? [];
    const target = found[index];
    if (!isHazardName(name)) fault(`there is no hazard '${name}' to allow; docs/hazards.md names them all`);
    else if (reason === "") fault(`says no reason: write '-- allow: ${name}: <why it is all right here>'`);
    else if (!target) fault(`allows '${name}' for no statement: write it before the one that it is for`);
    else if (!possible[index]?.has(name)) fault(unneeded(name, possible[index] ?? new Set(), scope));
    else if (target.waivers.some(({ hazard }) => hazard === name)) fault(`allows '${name}' twice`);
    else target.waivers.push({ hazard: name, reason });
  }
  if (faults.length > 0) throw new CatalogueError(faults);
  return found;
}

function unneeded(name: string, possible: ReadonlySet<string>, { alwaysStopped, isDown }: WaiverScope): string {
  if (isDown) return `allows '${name}', but the way down is judged by what it loses, not by its hazards`;
  const others = possible.size > 0 ? `; what it has is ${[...possible].join(", ")}` : "";
  const stopped = alwaysStopped ? " while the services are stopped" : "";
  return `allows '${name}', which the statement has not${stopped}${others}`;
}

/** By statement, what the catalogue's facts could make a hazard at worst. */
function possibleHazards(statements: readonly Statement[], { alwaysStopped, isDown }: WaiverScope): Set<string>[] {
  const made = new Set<string>();
  return statements.map((statement) => {
    const real = statement.hazards.filter(
      ({ hazard, relation }) =>
        !isDown && !(alwaysStopped && hazards[hazard].effect === "blocks") && !made.has(relation ?? ""),
    );
    // IF NOT EXISTS may leave a table of before in place.
    if (!/\bIF\s+NOT\s+EXISTS\b/i.test(statement.sql)) for (const relation of statement.fresh) made.add(relation);
    return new Set(real.map(({ hazard }) => hazard));
  });
}

/** The first statement after which data of before is gone; what only depends on something dropped is not told. */
export function losingStatement(statements: readonly Statement[]): Statement | undefined {
  const made = new Set<string>();
  return statements.find((statement) => {
    const loses = statement.hazards.some(
      ({ hazard, relation }) =>
        hazards[hazard].effect === "loses" && hazard !== "ban-drop-cascade" && !made.has(relation ?? ""),
    );
    for (const relation of statement.fresh) made.add(relation);
    return loses;
  });
}

/** The comments between statements; what looks like one in a string or in a statement is none. */
function comments({ lines, firstLine }: WaiverScope, statements: readonly Statement[]) {
  const isWithin = (line: number) =>
    statements.some((statement) => line >= statement.line && line < statement.line + statement.sql.split("\n").length);
  return lines.flatMap((text, index) => {
    const [, rest] = /^\s*--\s*allow\s*:\s*(.*)$/i.exec(text) ?? [];
    const line = firstLine + index;
    return rest === undefined || isWithin(line) ? [] : [{ line, text: rest }];
  });
}
