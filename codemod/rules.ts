import type { ApiChange, Catalogue, ClientHints } from "../releases/release";

/** What one release asks of client code. */
export interface ClientRules {
  readonly version: string;
  readonly paths: readonly Extract<ApiChange, { kind: "path" }>[];
  readonly removed: readonly Extract<ApiChange, { kind: "removed" }>[];
  readonly scales: readonly Extract<ApiChange, { kind: "scale" }>[];
  readonly sdks: readonly Extract<ApiChange, { kind: "sdk" }>[];
  /** How client code says that it speaks to OctoLLM. */
  readonly hints: ClientHints;
}

/** The versions that were named are no way up. */
export class CodemodRangeError extends Error {
  constructor(reason: string) {
    super(`${reason} Nothing was touched.`);
    this.name = "CodemodRangeError";
  }
}

/**
 * The rules of the releases after `from`, up to and with `to`, oldest first; releases that ask nothing are left out.
 *
 * @param baseUrls - further addresses of OctoLLM, such as `https://ai.example.com`
 * @throws CodemodRangeError for versions that are not in the catalogue or no way up
 */
export function clientRules(
  catalogue: Catalogue,
  { from, to }: { readonly from: string; readonly to: string },
  baseUrls: readonly string[] = [],
): ClientRules[] {
  const versions = catalogue.releases.map(({ version }) => version);
  for (const version of [from, to])
    if (!versions.includes(version))
      throw new CodemodRangeError(`There is no OctoLLM ${version} here: there are ${versions.join(", ")}.`);
  const [first, last] = [versions.indexOf(from), versions.indexOf(to)];
  if (first > last)
    throw new CodemodRangeError(
      `OctoLLM ${to} is older than ${from}: code is taken back with your version control, not by this command.`,
    );
  const known = catalogue.releases.slice(0, last + 1).flatMap(({ clients }) => clients ?? []);
  const hints = {
    addresses: [...known.flatMap(({ addresses }) => addresses), ...baseUrls.map(authorityOf)],
    names: known.flatMap(({ names }) => names),
  };
  return catalogue.releases
    .slice(first + 1, last + 1)
    .filter(({ api }) => api.length > 0)
    .map(({ version, api }) => ({
      version,
      paths: api.filter((change) => change.kind === "path"),
      removed: api.filter((change) => change.kind === "removed"),
      scales: api.filter((change) => change.kind === "scale"),
      sdks: api.filter((change) => change.kind === "sdk"),
      hints,
    }));
}

function authorityOf(url: string): string {
  const authority = /^https?:\/\/([^/?#\s]+)\/?$/.exec(url)?.[1];
  if (!authority)
    throw new CodemodRangeError(`'${url}' is no base URL: scheme and host, such as https://octollm.example.com.`);
  return authority;
}
