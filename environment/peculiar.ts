import type { DotenvFile } from "./dotenv-file";
import type { DotenvLine } from "./dotenv-line";

/** A line that is not what it seems, or that the programs which read `.env` files do not read alike. */
export interface PeculiarLine {
  /** 1-based line of the file. */
  readonly line: number;
  readonly text: string;
}

type Look = (line: DotenvLine) => string | null;

const looks: readonly Look[] = [
  ({ assignment }) =>
    assignment?.unclosed
      ? `the quote that '${assignment.key}' opens is never closed: docker compose refuses the file`
      : null,
  ({ assignment }) =>
    assignment?.quote === "" && !assignment.unclosed && /\S#/.test(assignment.raw)
      ? `'${assignment.key}' holds a '#': some programs cut the value there. Put it in quotes`
      : null,
  ({ assignment }) =>
    assignment?.raw === "" && assignment.tail.trimStart().startsWith("#")
      ? `'${assignment.key}' is empty, but some programs read its comment as value. Put the comment above the line`
      : null,
  ({ assignment }) =>
    assignment?.quote === "" && assignment.raw.includes("`")
      ? `'${assignment.key}' holds a backtick: some programs read it as a quote. Put the value in single quotes`
      : null,
  ({ assignment }) =>
    assignment && assignment.quote !== "'" && /\$(?!\{)[A-Za-z_(]/.test(assignment.raw)
      ? `'${assignment.key}' holds a '$': some programs put a variable in there. Put the value in single quotes`
      : null,
  ({ assignment, text }) =>
    assignment === null && /^\s*(export\s+)?[A-Za-z_]\w*\s*(:\s.*)?$/.test(text)
      ? "this line sets nothing here, but some programs read it as a variable. Write KEY=value, or remove it"
      : null,
];

/** Every such line of a file, in order; values are not shown. */
export function peculiarLines(file: DotenvFile): PeculiarLine[] {
  const found: PeculiarLine[] = [];
  let number = 1;
  for (const line of file.lines) {
    for (const look of looks) {
      const text = look(line);
      if (text !== null) found.push({ line: number, text });
    }
    number += (line.text + line.end).split(/\r\n|\n|\r/).length - 1;
  }
  return found;
}
