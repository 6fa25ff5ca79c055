import { parseTOML } from "toml-eslint-parser";
import type { TOMLContentNode, TOMLKeyValue, TOMLStringValue, TOMLTable } from "toml-eslint-parser/lib/ast/ast";

import type { SdkChange } from "../releases/release";
import { parseSource, SourceError } from "./parse";
import { type Judgement, judgeRange, judgeSpecifier } from "./requirement";
import type { Span } from "./tree";

/** A requirement of the SDK in a file of requirements, and what is to become of it. */
export interface Pin extends Span {
  readonly judgement: Judgement;
}

type Reader = (text: string, sdk: SdkChange) => Pin[];

const readers: readonly (readonly [RegExp, Reader])[] = [
  [/^(.*[-_.])?(requirements|constraints)([-_.].*)?\.(txt|in)$/, requirementsPins],
  [/^pyproject\.toml$/, pyprojectPins],
  [/^package\.json$/, packagePins],
  [
    /^(package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|poetry\.lock|uv\.lock|pdm\.lock|Pipfile\.lock)$/,
    lockPins,
  ],
  [/^(setup\.cfg|Pipfile|environment\.ya?ml|conda\.ya?ml)$/, otherPins],
];

/** Whether a file of this name may hold requirements of the SDK. */
export function mayHoldPins(name: string): boolean {
  return readers.some(([pattern]) => pattern.test(name));
}

/**
 * Finds what a file requires of the SDK.
 *
 * @param path - its last part tells what kind of file it is
 * @throws SourceError when the file cannot be read as what it is
 */
export function findPins(path: string, text: string, sdk: SdkChange): Pin[] {
  const name = path.split("/").at(-1) ?? path;
  const reader = readers.find(([pattern]) => pattern.test(name))?.[1];
  return reader?.(text, sdk) ?? [];
}

/** pip takes `octollm-sdk`, `octollm_sdk` and `OctoLLM.SDK` for the same name. */
function namePattern({ package: name }: SdkChange): string {
  return name.split(/[-_.]+/).join("[-_.]+");
}

function requirementPattern(sdk: SdkChange): RegExp {
  return new RegExp(`^(\\s*${namePattern(sdk)}(?:\\s*\\[[^\\]]*\\])?)(?![\\w.-])([^;#@\\\\]*)(.*)$`, "is");
}

/** One requirement as pip writes it; null for one of another package. */
function pipPin(text: string, start: number, sdk: SdkChange): Pin | null {
  const [, head = "", specifier = "", rest = ""] = requirementPattern(sdk).exec(text) ?? [];
  if (head === "") return null;
  const bare = specifier.replace(/\s+--hash.*$/s, "");
  const at = { start: start + head.length, end: start + head.length + bare.trimEnd().length };
  if (rest.trimStart().startsWith("@"))
    return { ...at, judgement: { kind: "undecided", reason: `it is taken from an address, not by version` } };
  const judgement = judgeSpecifier(bare.trimEnd(), sdk.version);
  const hashed = /--hash/.test(specifier + rest);
  if (judgement.kind !== "write" || !hashed) return { ...at, judgement };
  return {
    ...at,
    judgement: { kind: "undecided", reason: "it is pinned with hashes, which are those of the old version" },
  };
}

function requirementsPins(text: string, sdk: SdkChange): Pin[] {
  const pins: Pin[] = [];
  // A backslash at the end carries a requirement on: hashes stand so.
  for (const found of text.matchAll(/(?:[^\r\n\\]|\\(?:\r\n|[\s\S]))+/g)) {
    const pin = pipPin(found[0], found.index, sdk);
    if (pin) pins.push(pin);
  }
  return pins;
}

function packagePins(text: string, sdk: SdkChange): Pin[] {
  // JSON in parentheses is a JavaScript expression.
  const { root } = parseSource("package.json.js", `(${text})`);
  const sections = new Set(["dependencies", "devDependencies", "peerDependencies", "optionalDependencies"]);
  const statement = root.kind === "other" ? root.children[0] : undefined;
  const object = statement?.kind === "other" ? statement.children[0] : undefined;
  if (object?.kind !== "object") return [];
  return object.entries.flatMap(({ key, value }) => {
    if (!sections.has(key) || value.kind !== "object") return [];
    return value.entries.flatMap(({ key: name, value: range }): Pin[] => {
      if (name !== sdk.package || range.kind !== "text") return [];
      const span = { start: range.start, end: range.end - 2 };
      return [{ ...span, judgement: judgeRange(text.slice(span.start, span.end), sdk.version) }];
    });
  });
}

function pyprojectPins(text: string, sdk: SdkChange): Pin[] {
  return tomlPairs(text).flatMap(({ path, node }) => {
    const inner = { start: node.range[0] + 1, end: node.range[1] - 1 };
    const last = path.at(-1) ?? "";
    const isName = (part: string) => new RegExp(`^${namePattern(sdk)}$`, "i").test(part);
    const named = isName(last) || (last === "version" && isName(path.at(-2) ?? ""));
    const poetry = path.some((part) => /dependencies$/i.test(part)) && named;
    if (node.multiline) return [];
    if (poetry) return [{ ...inner, judgement: judgeRange(text.slice(inner.start, inner.end), sdk.version) }];
    if (!/^(project|dependency-groups|build-system|tool)$/.test(path[0] ?? "") || !/^\d+$/.test(last)) return [];
    return pipPin(text.slice(inner.start, inner.end), inner.start, sdk) ?? [];
  });
}

interface TomlString {
  /** Keys, and positions in arrays, from the top. */
  readonly path: readonly string[];
  readonly node: TOMLStringValue;
}

function tomlPairs(text: string): TomlString[] {
  const [top] = parsedToml(text).body;
  return top.body.flatMap((node) => (node.type === "TOMLTable" ? tableStrings(node) : pairStrings(node, [])));
}

function parsedToml(text: string): ReturnType<typeof parseTOML> {
  try {
    return parseTOML(text);
  } catch (error) {
    const at = (error as { index?: number }).index ?? 0;
    throw new SourceError(at, "a syntax error, or syntax that is too new: left as it is");
  }
}

function tableStrings(table: TOMLTable): TomlString[] {
  return table.body.flatMap((pair) => pairStrings(pair, table.resolvedKey.map(String)));
}

function pairStrings({ key, value }: TOMLKeyValue, above: readonly string[]): TomlString[] {
  const names = key.keys.map((part) => (part.type === "TOMLBare" ? part.name : part.value));
  return valueStrings(value, [...above, ...names]);
}

function valueStrings(value: TOMLContentNode, path: readonly string[]): TomlString[] {
  if (value.type === "TOMLArray")
    return value.elements.flatMap((element, index) => valueStrings(element, [...path, String(index)]));
  if (value.type === "TOMLInlineTable") return value.body.flatMap((pair) => pairStrings(pair, path));
  return value.kind === "string" ? [{ path, node: value }] : [];
}

function mentions(text: string, sdk: SdkChange, reason: string): Pin[] {
  const found = new RegExp(`(?<![\\w.-])${namePattern(sdk)}(?![\\w-])`, "i").exec(text);
  return found
    ? [{ start: found.index, end: found.index + found[0].length, judgement: { kind: "undecided", reason } }]
    : [];
}

function lockPins(text: string, sdk: SdkChange): Pin[] {
  // A lock that has the version already needs nothing; whether this one is of the SDK, its tool knows.
  const near = new RegExp(`${namePattern(sdk)}[^\\w-].{0,120}?${sdk.version.replaceAll(".", "\\.")}`, "is");
  return near.test(text) ? [] : mentions(text, sdk, "a lock file: let its tool write it anew");
}

function otherPins(text: string, sdk: SdkChange): Pin[] {
  return mentions(text, sdk, `this kind of file is not edited: it is to ask for ${sdk.version}`);
}
