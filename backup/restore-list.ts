import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { DumpTools } from "./tools";
import { readTableOfContents } from "./verify";

/**
 * Hands over a private folder with the list of what pg_restore is to restore, as the file `list`: everything but the
 * comments on extensions. They come with the extensions, and only a superuser may write them again.
 */
export async function withRestoreList<T>(
  tools: DumpTools,
  { dump, signal }: { dump: string; signal: AbortSignal },
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "octollm-restore-"));
  try {
    const contents = await readTableOfContents({ restore: tools.restore, dump, signal });
    const kept = contents.split("\n").filter((line) => !/^\d+; \d+ \d+ COMMENT - EXTENSION /.test(line));
    await writeFile(join(folder, "list"), kept.join("\n"), { mode: 0o600 });
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
