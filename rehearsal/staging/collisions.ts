import { sep } from "node:path";

import type { Named, NamedDatabase, NamedService } from "./named";

/** Whether two databases are one, or cannot be told apart. */
export type Sameness = "same" | "unknown" | "other";

/** Compares two databases by cluster and name; where a cluster cannot be read, by the addresses of their hosts. */
export function sameDatabase(one: NamedDatabase, other: NamedDatabase): Sameness {
  if (one.name !== other.name) return "other";
  if (one.systemIdentifier !== null && other.systemIdentifier !== null)
    return one.systemIdentifier === other.systemIdentifier ? "same" : "other";
  return one.places.some((place) => other.places.includes(place)) ? "same" : "unknown";
}

/**
 * All that staging names and production names as well: a rehearsal would write to it.
 *
 * @param mayShare - variables of `.env` whose URL may lead to the same place
 * @returns a line each, without secrets; empty when nothing collides
 */
export function findCollisions(staging: Named, production: Named, mayShare: readonly string[]): string[] {
  if (staging.stack === production.stack)
    return [`octollm:rehearsal.production: '${staging.stack}' is this stack itself; it must name another one`];
  return [
    ...databases(staging, production),
    ...folders(staging, production),
    ...services(staging, production),
    ...urls(staging, production, mayShare),
  ];
}

function databases({ database: one }: Named, { database: other }: Named): string[] {
  switch (sameDatabase(one, other)) {
    case "other":
      return [];
    case "same":
      return [`database: staging's '${one.name}' is production's own (cluster ${one.systemIdentifier ?? "unread"})`];
    case "unknown":
      return [
        `database: both are called '${one.name}', and nobody can tell whether they are one: a role may not read the system ` +
          "identifier. Allow it: GRANT EXECUTE ON FUNCTION pg_control_system() TO <role>",
      ];
  }
}

/** What is written into one of them must not end up in one of the other's, at whatever depth. */
function folders(staging: Named, production: Named): string[] {
  const lines = Object.entries(staging.folders).flatMap(([setting, path]) => {
    const overlaps = Object.entries(production.folders).filter(
      ([, theirs]) => within(path, theirs) || within(theirs, path),
    );
    const [other, theirs] = overlaps.find(([name]) => name === setting) ?? overlaps[0] ?? [];
    if (other === undefined || theirs === undefined) return [];
    if (path === theirs) return [`octollm:${setting}: '${path}' is production's ${other} too`];
    return within(path, theirs)
      ? [`octollm:${setting}: '${path}' lies in production's ${other} '${theirs}'`]
      : [`octollm:${setting}: production's ${other} '${theirs}' lies in '${path}'`];
  });
  const isLinked =
    staging.environmentIdentity === production.environmentIdentity &&
    staging.folders.environmentFile !== production.folders.environmentFile;
  return isLinked
    ? [...lines, `octollm:environmentFile: '${staging.folders.environmentFile}' is production's .env by another name`]
    : lines;
}

function within(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** Both stacks start processes or containers of this host, where a port has one holder. */
function services(staging: Named, production: Named): string[] {
  const kinds = [
    ["port", (service: NamedService) => service.port || null],
    ["log", (service: NamedService) => service.log],
    ["container", (service: NamedService) => service.container],
  ] as const;
  return staging.services.flatMap((service, index) =>
    kinds.flatMap(([kind, of]) => {
      const own = of(service);
      const theirs = production.services.find((other) => own !== null && of(other) === own);
      if (!theirs) return [];
      return [`octollm:services[${index}].${kind}: '${own}' of ${service.name} is that of production's ${theirs.name}`];
    }),
  );
}

function urls(staging: Named, production: Named, mayShare: readonly string[]): string[] {
  return Object.entries(staging.urls).flatMap(([key, url]) => {
    if (mayShare.includes(key)) return [];
    const other = Object.entries(production.urls).find(([, theirs]) => theirs === url)?.[0];
    if (other === undefined) return [];
    const name = other === key ? "" : `, there as ${other}`;
    return [
      `.env: ${key} leads where production's does (${url.replace(/\/.*$/, "/…")}${name}). Give staging its own, or, where both may use it: ` +
        `octollm config set --path 'rehearsal.mayShare[${mayShare.length}]' ${key}`,
    ];
  });
}
