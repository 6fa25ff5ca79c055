import type { EnvironmentEdit } from "./edits";

const longest = 139;
const secretKey = /KEY|TOKEN|SECRET|PASS|CREDENTIAL|JWT|DSN|SALT|PRIVATE|CERT|AUTH|COOKIE|SIGNATURE/i;

/**
 * The lines of a diff for a reviewer: under 140 characters, without control characters, and without secrets. Values of
 * variables that sound like secrets are `***`; a URL shows its scheme, host and the part of the path that changes.
 *
 * @param edits - as `applyRelease` and `undoRelease` give them
 */
export function describeEdits(edits: readonly EnvironmentEdit[]): string[] {
  return edits.map((edit) => {
    const text =
      edit.key === null ? edit.raw : `${edit.exported ? "export " : ""}${edit.key}=${masked(edit.key, edit)}`;
    return diffLine(`${edit.sign} ${edit.mark}${text}`);
  });
}

/** A line as a diff can show it: short, and without control characters. */
export function diffLine(text: string): string {
  const line = printable(text);
  return line.length > longest ? `${line.slice(0, longest - 1)}…` : line;
}

/** Whether a variable's name says that its value is nobody's business. */
export function soundsSecret(key: string): boolean {
  return secretKey.test(key);
}

/** A variable's value with its quotes, as a diff may show it. */
export function masked(key: string, { raw, ending }: Pick<EnvironmentEdit, "raw" | "ending">): string {
  if (soundsSecret(key) && raw !== "") return "***";
  const [, quote = "", inner = ""] = /^(["']?)(.*)\1$/s.exec(raw) ?? [];
  if (!inner.includes("://") && ending === null) return raw;
  return quote + maskedUrl(inner, ending) + quote;
}

/** Segments of a webhook's path are often its secret, as are userinfo and query. */
function maskedUrl(url: string, ending: string | null): string {
  const [, scheme = "", authority = "", path = "", query = "", fragment = ""] =
    /^([A-Za-z][A-Za-z0-9+.-]*:\/\/|)([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(url) ?? [];
  const host = scheme === "" ? "***" : authority.replace(/^.*@/s, "***@");
  const shownPath = ending !== null && path.endsWith(ending) ? (path === ending ? path : `/…${ending}`) : path && "/…";
  return `${scheme}${host}${shownPath}${query && "?***"}${fragment && "#***"}`;
}

/** One line as it can be shown safely: control characters, and those that turn its direction, are spelled out. */
export function printable(text: string): string {
  // Line separators and bidirectional controls could make a reviewer read another diff than the one that is applied.
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    const known = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[character];
    return known ?? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}
