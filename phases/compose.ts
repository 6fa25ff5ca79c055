import { access, readFile } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";

import { ComposeFile, ComposeFileError } from "../compose/compose-file";
import { envFiles } from "../compose/service-environment";
import { DotenvFile, expandedValues } from "../environment/dotenv-file";
import { sha256 } from "../environment/write";
import type { ReleaseFiles } from "../planner/container-environment";
import type { ComposeWorld } from "../planner/world";
import { type Site, sitePath } from "./site";

/** A compose file as it was read, with the SHA-256 of its bytes. */
export interface ReadCompose {
  readonly world: ComposeWorld;
  readonly sha256: string;
}

/**
 * Reads the operator's compose file, and the files that it names by `env_file`; null when the settings name none.
 *
 * @param environment - the `.env` beside it
 * @throws ComposeFileError when it cannot be read, Error when there is none
 */
export async function readCompose(
  site: Pick<Site, "installation" | "environmentFile" | "composeFile">,
  environment: DotenvFile,
): Promise<ReadCompose | null> {
  if (site.composeFile === undefined) return null;
  const path = sitePath(site, site.composeFile);
  const content = await readFile(path).catch((fault: NodeJS.ErrnoException) => {
    const reason = fault.code === "ENOENT" ? "does not exist" : `cannot be read (${fault.code ?? fault.message})`;
    throw new Error(`The compose file '${path}' ${reason}. Nothing was touched. Correct octollm:composeFile.`);
  });
  const file = ComposeFile.parse(content, site.composeFile);
  const files = new Map<string, DotenvFile>();
  const environmentPaths: string[] = [];
  for (const named of namedFiles(file, environment)) {
    const absolute = resolve(dirname(path), named);
    if (absolute === sitePath(site, site.environmentFile)) environmentPaths.push(named);
    else {
      const bytes = await readFile(absolute).catch(() => null);
      if (bytes) files.set(named, DotenvFile.parse(bytes));
    }
  }
  return { world: { file, files, environmentPaths, overrides: await overridesOf(path) }, sha256: sha256(content) };
}

/** A compose file that says what it said when it was read. */
export function asRead(compose: ReadCompose | null): ReleaseFiles["compose"] {
  return compose && { file: compose.world.file, around: compose.world };
}

function namedFiles(file: ComposeFile, environment: DotenvFile): Set<string> {
  const values = expandedValues(environment);
  const paths = file.serviceNames().flatMap((service) => {
    try {
      return envFiles(file, service, values).map(({ path }) => path);
    } catch (error) {
      // Such a service is told of with the changes.
      if (error instanceof ComposeFileError) return [];
      throw error;
    }
  });
  return new Set(paths);
}

/** Files that compose reads without being told to. */
async function overridesOf(path: string): Promise<string[]> {
  const stem = basename(path, extname(path));
  const found: string[] = [];
  for (const name of [`${stem}.override.yml`, `${stem}.override.yaml`])
    await access(join(dirname(path), name)).then(
      () => found.push(name),
      () => undefined,
    );
  return found;
}
