import { type DotenvLine, tokenize } from "./dotenv-line";

const byteOrderMark = "\xef\xbb\xbf";

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\" };

/** The value behind its quotes; see the dialect at DotenvFile. */
function unquote(raw: string, quote: string): string {
  const inner = quote === "" ? raw : raw.slice(1, -1);
  if (quote !== '"') return inner;
  return inner.replace(/\\([nrt"\\])/g, (_, escaped: string) => escapes[escaped] ?? "");
}

function decode(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/**
 * An `.env` file, kept byte for byte: comments, order, quotes, `export`, line ends, byte order mark, unknown lines and
 * bytes that are no UTF-8 all survive. Immutable; edits make another one.
 *
 * The dialect is what docker compose, python-dotenv and npm's dotenv agree on:
 * - `KEY=value`, blanks around `=`, `export KEY=value`; keys of letters, digits, `_`, `.`, `-`; the last duplicate wins;
 * - unquoted values end at the line's end or before a blank and `#`, without the blanks at their end;
 * - values in single or double quotes may hold line ends; a closing quote must be followed by nothing or a comment;
 * - in double quotes `\n`, `\r`, `\t`, `\"` and `\\` are escapes, in single quotes nothing is.
 *
 * Where they differ, and what is read here: `a#b` is whole (dotenv cuts it at `#`); `A= # note` is empty (compose and
 * python-dotenv read the note as value); backticks are ordinary characters (dotenv: quotes); `KEY: value` and a bare
 * `KEY` are no assignments (dotenv and compose: yes); an unclosed quote belongs to an unquoted value (compose refuses
 * the file, python-dotenv skips the line); `$` is an ordinary character in `get` (see `expandedValue` for `${NAME}`).
 */
export class DotenvFile {
  readonly byteOrderMark: string;
  readonly lines: readonly DotenvLine[];

  constructor(lines: readonly DotenvLine[], mark = "") {
    this.lines = lines;
    this.byteOrderMark = mark;
  }

  /**
   * Reads the content of an `.env` file. Never fails: what is no assignment is kept as it is.
   *
   * @param content - the file's bytes, or its text, which is taken as UTF-8
   */
  static parse(content: string | Uint8Array): DotenvFile {
    const bytes = (typeof content === "string" ? Buffer.from(content, "utf8") : Buffer.from(content)).toString(
      "latin1",
    );
    const mark = bytes.startsWith(byteOrderMark) ? byteOrderMark : "";
    return new DotenvFile(tokenize(bytes.slice(mark.length)), mark);
  }

  /** The same file with other lines, cut anew: an edit can join or part lines where quotes are left open. */
  withLines(lines: readonly Pick<DotenvLine, "text" | "end">[]): DotenvFile {
    return new DotenvFile(tokenize(lines.map(({ text, end }) => text + end).join("")), this.byteOrderMark);
  }

  /** Line end for lines to be added: the one that most lines have. */
  get lineEnd(): string {
    const count = (end: string) => this.lines.filter((line) => line.end === end).length;
    return count("\r\n") > count("\n") ? "\r\n" : "\n";
  }

  #lastAssignment(key: string) {
    return this.lines.findLast((line) => line.assignment?.key === key)?.assignment ?? undefined;
  }

  /** The value of a key without quotes and escapes; undefined when it is not set. */
  get(key: string): string | undefined {
    const assignment = this.#lastAssignment(key);
    return assignment && decode(unquote(assignment.raw, assignment.quote));
  }

  /** The value as it stands in the file, with quotes, without inline comment; undefined when it is not set. */
  rawValue(key: string): string | undefined {
    const assignment = this.#lastAssignment(key);
    return assignment && decode(assignment.raw);
  }

  /** Like `rawValue`, as a byte string. */
  rawBytes(key: string): string | undefined {
    return this.#lastAssignment(key)?.raw;
  }

  /** Every key that is set, once, in order of first appearance. */
  keys(): string[] {
    return [...new Set(this.lines.flatMap((line) => line.assignment?.key ?? []))];
  }

  /** Keys that are set more than once. */
  duplicates(): string[] {
    const all = this.lines.flatMap((line) => line.assignment?.key ?? []);
    return this.keys().filter((key) => all.indexOf(key) !== all.lastIndexOf(key));
  }

  /** The exact bytes. */
  toBuffer(): Buffer {
    return Buffer.from(this.byteOrderMark + this.lines.map(({ text, end }) => text + end).join(""), "latin1");
  }

  /** The text; bytes that are no UTF-8 show as U+FFFD here, and only here. */
  toString(): string {
    return this.toBuffer().toString("utf8");
  }
}

/**
 * A value with `${NAME}`, `${NAME:-default}` and `${NAME-default}` replaced by values of the same file, as docker
 * compose and python-dotenv do; values in single quotes, `$NAME` and `$(command)` stay as they are. Nothing is run.
 *
 * @returns undefined when the key is not set
 */
export function expandedValue(file: DotenvFile, key: string): string | undefined {
  return expand(file, key, new Set());
}

/**
 * Every key with its expanded value: what a service that is started with this file gets.
 *
 * @param outer - variables that `${NAME}` may stand for besides those of the file, and that count before them
 */
export function expandedValues(file: DotenvFile, outer: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(file.keys().map((key) => [key, expand(file, key, new Set(), outer) ?? ""]));
}

function expand(
  file: DotenvFile,
  key: string,
  open: ReadonlySet<string>,
  outer: Readonly<Record<string, string>> = {},
): string | undefined {
  const value = file.get(key);
  if (value === undefined || file.rawValue(key)?.startsWith("'")) return value;
  const inside = new Set([...open, key]);
  return value.replace(
    /\$\{([A-Za-z_]\w*)(?:(:?-)([^}]*))?\}/g,
    (_, name: string, operator?: string, fallback?: string) => {
      const own = () => (inside.has(name) ? undefined : expand(file, name, inside, outer));
      const found = Object.hasOwn(outer, name) ? outer[name] : own();
      const missing = found === undefined || (operator === ":-" && found === "");
      return missing ? (fallback ?? "") : found;
    },
  );
}
