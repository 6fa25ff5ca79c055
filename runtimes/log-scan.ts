import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";

/** Lines that mean trouble: log levels of the usual formats, tracebacks, JSON lines of level error and worse. */
export const errorPatterns: readonly RegExp[] = [
  /\b(?:ERROR|CRITICAL|FATAL)\b/,
  /^Traceback \(most recent call last\)/,
  /"(?:level|levelname|severity)"\s*:\s*"(?:error|critical|fatal)"/i,
];

export interface LogScanOptions {
  /** Byte offset from `logOffset`; only what was written since is read. Default: the whole file. */
  readonly sinceOffset?: number;
  /** Skips lines that carry an earlier ISO time; a line without a time belongs to the one before it. */
  readonly since?: Date;
  readonly patterns?: readonly RegExp[];
  /** Lines that match one of these are no trouble. */
  readonly allow?: readonly RegExp[];
  /** Most lines to hand back; the count goes on. Default: 100. */
  readonly limit?: number;
}

export interface LogScan {
  /** The first troublesome lines; each is cut to 2,000 characters. */
  readonly lines: readonly string[];
  /** How many there are in all. */
  readonly count: number;
  /** The file is shorter than `sinceOffset`: it was rotated, and was read from its beginning. */
  readonly rotated: boolean;
  /** There are lines, and none of them tells when it was written; then nothing can be said of what came since a time. */
  readonly timeless: boolean;
}

const longestLine = 2_000;
const isoTime = /\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?/;

/** The log's size now, to be handed to `scanLog` later; 0 when there is no log yet. */
export function logOffset(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * Finds troublesome lines that were written to a log since a point in it or in time. A log that is not there has none.
 */
export function scanLog(path: string, options: LogScanOptions = {}): LogScan {
  const found = new TroubleFinder(options);
  const { rotated } = eachLine(path, options.sinceOffset ?? 0, (line) => found.read(line));
  return { ...found.result(), rotated };
}

/** Finds troublesome lines among those of a log. */
export function scanLines(lines: readonly string[], options: LogScanOptions = {}): LogScan {
  const found = new TroubleFinder(options);
  for (const line of lines) found.read(line.slice(0, longestLine));
  return { ...found.result(), rotated: false };
}

class TroubleFinder {
  readonly #options: Required<Pick<LogScanOptions, "patterns" | "allow" | "limit">> & Pick<LogScanOptions, "since">;
  readonly #found: string[] = [];
  #count = 0;
  #isRecent: boolean;
  #timeless: boolean | null = null;

  constructor({ since, patterns = errorPatterns, allow = [], limit = 100 }: LogScanOptions) {
    this.#options = { since, patterns, allow, limit };
    this.#isRecent = since === undefined;
  }

  read(line: string): void {
    const { since, patterns, allow, limit } = this.#options;
    if (since) {
      const time = timeOf(line);
      this.#timeless = (this.#timeless ?? true) && time === null;
      if (time !== null) this.#isRecent = time >= since.getTime();
      if (!this.#isRecent) return;
    }
    if (!patterns.some((pattern) => matches(pattern, line)) || allow.some((pattern) => matches(pattern, line))) return;
    this.#count += 1;
    if (this.#found.length < limit) this.#found.push(line);
  }

  result(): Omit<LogScan, "rotated"> {
    return { lines: this.#found, count: this.#count, timeless: this.#timeless ?? false };
  }
}

/** The last lines that were written since an offset. */
export function tailSince(path: string, offset: number, lines: number): string[] {
  const last: string[] = [];
  eachLine(path, offset, (line) => {
    if (line.trim() === "") return;
    last.push(line);
    if (last.length > lines) last.shift();
  });
  return last;
}

/** A pattern with flag `g` or `y` remembers where it was; a log's lines must not depend on each other. */
function matches(pattern: RegExp, line: string): boolean {
  pattern.lastIndex = 0;
  return pattern.test(line);
}

function timeOf(line: string): number | null {
  const [text] = isoTime.exec(line.slice(0, 300)) ?? [];
  const time = text === undefined ? NaN : Date.parse(text.replace(" ", "T").replace(",", "."));
  return Number.isNaN(time) ? null : time;
}

function openLog(path: string): number | null {
  try {
    return openSync(path, "r");
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw fault;
  }
}

/** Reads in pieces: logs are large, and one line may be. */
function eachLine(path: string, offset: number, visit: (line: string) => void): { rotated: boolean } {
  const descriptor = openLog(path);
  if (descriptor === null) return { rotated: offset > 0 };
  try {
    const rotated = fstatSync(descriptor).size < offset;
    const decoder = new StringDecoder("utf8");
    const piece = Buffer.alloc(256 * 1024);
    let rest = "";
    for (let position = rotated ? 0 : offset; ;) {
      const length = readSync(descriptor, piece, 0, piece.length, position);
      if (length === 0) break;
      position += length;
      const lines = (rest + decoder.write(piece.subarray(0, length))).split(/\r?\n/);
      rest = (lines.pop() ?? "").slice(0, longestLine);
      for (const line of lines) visit(line.slice(0, longestLine));
    }
    if (rest !== "") visit(rest);
    return { rotated };
  } finally {
    closeSync(descriptor);
  }
}
