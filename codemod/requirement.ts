import { compareVersions } from "../releases/version";

/** What a version requirement says, seen from the version that is needed now. */
export type Judgement =
  | { readonly kind: "fine" }
  | { readonly kind: "write"; readonly text: string }
  | { readonly kind: "undecided"; readonly reason: string };

const fine: Judgement = { kind: "fine" };
const comparison = /^(===|==|~=|!=|>=|<=|>|<)\s*v?(\d+(?:\.\d+)*)$/;

/**
 * Judges a requirement as pip writes it: `==0.2.0`, `~=0.2`, `>=0.1,<1.0`; empty for any version.
 *
 * @param needed - the version that is needed, such as `1.0.0`
 */
export function judgeSpecifier(specifier: string, needed: string): Judgement {
  const parts = specifier.split(",").map((part) => part.trim());
  if (specifier.trim() === "" || specifier.trim() === "*") return fine;
  const compared = parts.map((part) => comparison.exec(part));
  if (compared.includes(null)) return undecided(specifier, needed);
  const [first] = compared;
  const [, operator = "", version = ""] = first ?? [];
  if (parts.length === 1 && /^(==|===|~=)$/.test(operator)) {
    if (compareVersions(padded(version, needed), needed) >= 0) return fine;
    const from = specifier.lastIndexOf(version);
    return {
      kind: "write",
      text:
        specifier.slice(0, from) + asLong(version, needed, operator === "~=") + specifier.slice(from + version.length),
    };
  }
  return compared.every((one) => admits(one?.[1] ?? "", one?.[2] ?? "", needed)) ? fine : undecided(specifier, needed);
}

/**
 * Judges a requirement as npm and Poetry write it: `^0.2.0`, `~0.2`, `0.2.0`; ranges and all that is no version are not
 * decided.
 */
export function judgeRange(range: string, needed: string): Judgement {
  const trimmed = range.trim();
  if (/^(|\*|x|latest)$/.test(trimmed)) return fine;
  const [, operator = "", version = ""] = /^([\^~=]?)v?(\d+(?:\.\d+)*)$/.exec(trimmed) ?? [];
  if (version === "")
    return /^[=~!<>]/.test(trimmed) && !/[|\s]/.test(trimmed)
      ? judgeSpecifier(range, needed)
      : undecided(range, needed);
  if (compareVersions(padded(version, needed), needed) >= 0) return fine;
  const from = range.lastIndexOf(version);
  return {
    kind: "write",
    text:
      range.slice(0, from) +
      asLong(version, needed, operator !== "" && operator !== "=") +
      range.slice(from + version.length),
  };
}

/** A loose requirement keeps its number of parts: `~=0.2` becomes `~=1.0`. */
function asLong(version: string, needed: string, loose: boolean): string {
  return loose ? needed.split(".").slice(0, version.split(".").length).join(".") : needed;
}

function admits(operator: string, version: string, needed: string): boolean {
  const order = compareVersions(needed, padded(version, needed));
  switch (operator) {
    case ">=":
      return order >= 0;
    case ">":
      return order > 0;
    case "<=":
      return order <= 0;
    case "<":
      return order < 0;
    case "!=":
      return order !== 0;
    case "==":
    case "===":
      return order === 0;
    default:
      return false;
  }
}

/** `1.0` is `1.0.0`. */
function padded(version: string, needed: string): string {
  const missing = needed.split(".").length - version.split(".").length;
  return missing > 0 ? version + ".0".repeat(missing) : version;
}

function undecided(requirement: string, needed: string): Judgement {
  return { kind: "undecided", reason: `'${requirement.trim()}' does not say clearly whether it takes in ${needed}` };
}
