import { soundsSecret } from "../environment/describe";

const shortestSecret = 4;
/** Shorter parts of a URL's path are words, such as `webhook`. */
const shortestSegment = 8;

/**
 * A service's own words without the secrets that it was started with.
 *
 * @param environment - what the service was started with: values of variables that sound secret are taken out, and what
 *   may be secret of URLs: userinfo, longer parts of the path, query and fragment
 */
export function withoutSecrets(text: string, environment: Readonly<Record<string, string>>): string {
  const secrets = Object.entries(environment)
    .flatMap(([key, value]) => (soundsSecret(key) ? [value, ...linesOf(value)] : partsOfUrl(value)))
    .filter((secret) => secret.length >= shortestSecret)
    .sort((a, b) => b.length - a.length);
  const shown = secrets.reduce((line, secret) => line.replaceAll(secret, "***"), text);
  return shown.replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/@]*@/gi, "$1***@");
}

/** A log shows a value of several lines, such as a private key, line by line. */
function linesOf(value: string): string[] {
  return value.split(/\r?\n/).filter((line) => line.length >= shortestSegment);
}

function partsOfUrl(value: string): string[] {
  const [, path = "", query = "", fragment = ""] =
    /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#]*([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(value) ?? [];
  const segments = path.split("/").filter((segment) => segment.length >= shortestSegment);
  const queryValues = query.split("&").map((pair) => pair.slice(pair.indexOf("=") + 1));
  const parts = [...segments, query, ...queryValues, fragment];
  return [...userinfo(value), ...parts, ...parts.map(safelyDecoded)];
}

function userinfo(value: string): string[] {
  const [, password = ""] = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^:/@]*:([^@]*)@/.exec(value) ?? [];
  return password === "" ? [] : [password, safelyDecoded(password)];
}

function safelyDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
