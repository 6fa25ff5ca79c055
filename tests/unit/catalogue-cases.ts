import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { loadCatalogue, ownCatalogue } from "../../releases/catalogue";
import { CatalogueError, type CatalogueFault } from "../../releases/errors";
import type { Catalogue } from "../../releases/release";

export const ownVersions = ["0.1.0", "0.2.0", "1.0.0"] as const;
export const index = "0.2.0/migrations/abc123_add_task_priority_index.sql";
export const brin = "0.2.0/migrations/b1c2d3_task_history_created_brin.sql";
export const scale = "1.0.0/migrations/e4f5a6_task_priority_scale.sql";
export const minor = "0.2.0/release.yaml";
export const breaking = "1.0.0/release.yaml";

/** A copy of OctoLLM's own releases that a test may break. */
export class CatalogueCopy {
  readonly folder = mkdtempSync(join(tmpdir(), "octollm-catalogue-"));

  constructor() {
    for (const version of ownVersions)
      cpSync(join(ownCatalogue, version), join(this.folder, version), { recursive: true });
  }

  path(file: string): string {
    return join(this.folder, file);
  }

  /** Replaces a text that must be there. */
  edit(file: string, old: string, text: string): void {
    const before = readFileSync(this.path(file), "utf8");
    if (!before.includes(old)) throw new Error(`'${file}' has no '${old}'`);
    writeFileSync(
      this.path(file),
      before.replace(old, () => text),
    );
  }

  editAll(file: string, change: (text: string) => string): void {
    writeFileSync(this.path(file), change(readFileSync(this.path(file), "utf8")));
  }

  /** Another revision, made from the first of 0.2.0. */
  addRevision(file: string, revision: string, downRevision: string): void {
    const text = readFileSync(this.path(index), "utf8");
    const header = `-- revision: ${revision}\n-- down_revision: ${downRevision}\n`;
    writeFileSync(this.path(file), header + text.split("\n").slice(2).join("\n"));
  }

  async load(): Promise<Catalogue> {
    return loadCatalogue(this.folder);
  }

  /** The faults that loading finds, `file:line: reason` each; with a reason's first line only. */
  async faults(): Promise<string[]> {
    try {
      await this.load();
    } catch (error) {
      if (error instanceof CatalogueError) return error.faults.map(describeFault);
      throw error;
    }
    throw new Error("the catalogue is whole, where a fault was expected");
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function describeFault({ file, line, reason }: CatalogueFault): string {
  return `${file}${line === undefined ? "" : `:${line}`}: ${reason.split("\n")[0]}`;
}
