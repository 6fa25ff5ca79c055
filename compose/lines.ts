/** One physical line of a file. */
export interface TextLine {
  readonly text: string;
  /** `\n`, `\r\n`, or empty at the end of a file that has no final newline. */
  readonly end: string;
}

/** Cuts a text into lines; joining them gives it back. */
export function linesOf(text: string): TextLine[] {
  const lines: TextLine[] = [];
  for (let at = 0; at < text.length;) {
    const feed = text.indexOf("\n", at);
    const next = feed < 0 ? text.length : feed + 1;
    const whole = text.slice(at, next);
    const [end = ""] = /\r?\n$/.exec(whole) ?? [];
    lines.push({ text: whole.slice(0, whole.length - end.length), end });
    at = next;
  }
  return lines;
}

export function textOf(lines: readonly TextLine[]): string {
  return lines.map(({ text, end }) => text + end).join("");
}

/** Line end for lines to be added: the one that most lines have. */
export function usualEnd(lines: readonly TextLine[]): string {
  const count = (end: string) => lines.filter((line) => line.end === end).length;
  return count("\r\n") > count("\n") ? "\r\n" : "\n";
}

/** No line but the last may lack an end, and the last lacks one only if the file's last line did. */
export function joined(lines: readonly TextLine[], original: readonly TextLine[]): string {
  const [finalEnd, lineEnd] = [original.at(-1)?.end, usualEnd(original)];
  return lines
    .map(({ text, end }, index) => {
      if (index === lines.length - 1 && finalEnd === "") return text;
      return text + (end === "" ? lineEnd : end);
    })
    .join("");
}
