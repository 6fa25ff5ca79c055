/**
 * One logical line of an `.env` file, cut into regions. All texts are byte strings (one character a byte, latin1), so
 * that bytes which are no UTF-8 survive. A quoted value may hold line ends; then the line is several physical ones.
 */
export interface DotenvLine {
  /** Everything but the line's end. */
  readonly text: string;
  /** `\n`, `\r\n`, `\r`, or empty at the end of a file that has no final newline. */
  readonly end: string;
  /** Null for comments, blank lines and lines that are no assignment. */
  readonly assignment: Assignment | null;
}

/** `head + raw + tail` is the line's text. */
export interface Assignment {
  readonly key: string;
  /** Up to and including `=` and the blanks behind it: `export CACHE_TTL = `. */
  readonly head: string;
  /** The value with its quotes, without inline comment. */
  readonly raw: string;
  /** Blanks and inline comment behind the value. */
  readonly tail: string;
  readonly quote: "'" | '"' | "";
  /** The value begins with a quote that nothing closes; it is read as unquoted, up to the end of the line. */
  readonly unclosed: boolean;
}

// Not \s: in a byte string that would match 0x85 and 0xA0, which are halves of UTF-8 characters.
const assignmentHead = /[ \t\v\f]*(?:export[ \t\v\f]+)?([\w.-]+)[ \t\v\f]*=[ \t\v\f]*/y;
const commentOrNothing = /[ \t\v\f]*(?:#[^\r\n]*)?/y;
const lineEnd = /\r\n|\n|\r|$/y;

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function endOfLine(text: string, from: number): number {
  const found = /[\r\n]/g;
  found.lastIndex = from;
  return found.exec(text)?.index ?? text.length;
}

/** Position behind the quote that closes the one at `open`, or -1; a backslash protects the character behind it. */
function closingQuote(text: string, open: number): number {
  const quote = text[open];
  for (let at = open + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === quote) return at + 1;
  }
  return -1;
}

interface ValueRegion {
  readonly valueEnd: number;
  readonly textEnd: number;
  readonly quote: Assignment["quote"];
  readonly unclosed: boolean;
}

function quotedValue(text: string, start: number): ValueRegion | null {
  const quote = text[start];
  if (quote !== '"' && quote !== "'") return null;
  const valueEnd = closingQuote(text, start);
  if (valueEnd < 0) return null;
  const textEnd = valueEnd + (matchAt(commentOrNothing, text, valueEnd)?.[0].length ?? 0);
  return matchAt(lineEnd, text, textEnd) ? { valueEnd, textEnd, quote, unclosed: false } : null;
}

function unquotedValue(text: string, start: number): ValueRegion {
  const textEnd = endOfLine(text, start);
  const value = text.slice(start, textEnd);
  const comment = value.startsWith("#") && /[ \t\v\f]/.test(text[start - 1] ?? "") ? 0 : value.search(/[ \t\v\f]#/);
  const bare = comment < 0 ? value : value.slice(0, comment);
  const unclosed = value.startsWith('"') || value.startsWith("'");
  return { valueEnd: start + withoutTrailingBlanks(bare).length, textEnd, quote: "", unclosed };
}

function withoutTrailingBlanks(text: string): string {
  let end = text.length;
  while (end > 0 && " \t\v\f".includes(text[end - 1] ?? "x")) end--;
  return text.slice(0, end);
}

function lineAt(text: string, start: number): DotenvLine {
  const head = matchAt(assignmentHead, text, start);
  if (!head) {
    const end = endOfLine(text, start);
    return { text: text.slice(start, end), end: matchAt(lineEnd, text, end)?.[0] ?? "", assignment: null };
  }
  const valueStart = start + head[0].length;
  const { valueEnd, textEnd, quote, unclosed } = quotedValue(text, valueStart) ?? unquotedValue(text, valueStart);
  const assignment: Assignment = {
    key: head[1] ?? "",
    head: head[0],
    raw: text.slice(valueStart, valueEnd),
    tail: text.slice(valueEnd, textEnd),
    quote,
    unclosed,
  };
  return { text: text.slice(start, textEnd), end: matchAt(lineEnd, text, textEnd)?.[0] ?? "", assignment };
}

/**
 * Cuts a byte string into logical lines; joining `text + end` of all of them gives the input back.
 *
 * @param text - content of an `.env` file as a byte string, without byte order mark
 */
export function tokenize(text: string): DotenvLine[] {
  const lines: DotenvLine[] = [];
  for (let at = 0; at < text.length;) {
    const line = lineAt(text, at);
    lines.push(line);
    at += line.text.length + line.end.length;
  }
  return lines;
}
