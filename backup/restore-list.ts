import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type DumpSource, readTableOfContents } from "./dump-archive";
import type { DumpTools } from "./tools";

const name = "list";

/**
 * Hands over a file with the list of what pg_restore is to restore, by its path where the tools run: everything but the
 * comments on extensions. They come with the extensions, and only a superuser may write them again.
 */
export async function withRestoreList<T>(
  tools: DumpTools,
  dump: DumpSource,
  use: (list: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "octollm-restore-"));
  try {
    const contents = await readTableOfContents(tools, dump);
    const kept = contents.split("\n").filter((line) => !/^\d+; \d+ \d+ COMMENT - EXTENSION /.test(line));
    await writeFile(join(folder, name), kept.join("\n"), { mode: 0o600 });
    return await tools.host.withFiles(folder, [name], dump.signal, (there) => use(`${there}/${name}`));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
