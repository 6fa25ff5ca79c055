import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { Readable } from "node:stream";

import type { Layer } from "./layers";

/** What an image says of how it is run; the names are Docker's. */
export interface ImageConfig {
  readonly Entrypoint: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Env?: readonly string[];
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Healthcheck?: { readonly Test: readonly string[]; readonly Interval: number; readonly Timeout: number };
  readonly StopSignal?: string;
  readonly Volumes?: Readonly<Record<string, object>>;
  readonly Labels?: Readonly<Record<string, string>>;
}

/** An image, built FROM scratch. */
export interface Image {
  readonly name: string;
  readonly layers: readonly Layer[];
  readonly config: ImageConfig;
}

/** The image's own document; the engine knows the image by its digest. */
function documentOf({ layers, config }: Image): string {
  const created = "2025-11-10T00:00:00Z";
  const rootfs = { type: "layers", diff_ids: layers.map(({ digest }) => digest) };
  const history = layers.map(() => ({ created, created_by: "tests" }));
  return JSON.stringify({
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    os: "linux",
    created,
    config,
    rootfs,
    history,
  });
}

/**
 * Gives images as `docker save` writes them, in one archive, so that layers that they share are sent once.
 *
 * @param use - reads the archive to its end
 */
export async function withArchive(images: readonly Image[], use: (archive: Readable) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "octollm-images-"));
  try {
    const manifest = images.map((image) => {
      const text = documentOf(image);
      const Config = `${createHash("sha256").update(text).digest("hex")}.json`;
      writeFileSync(join(folder, Config), text);
      return { Config, RepoTags: [image.name], Layers: image.layers.map((layer) => basename(layer.path)) };
    });
    writeFileSync(join(folder, "manifest.json"), JSON.stringify(manifest));
    const layers = [...new Set(images.flatMap((image) => image.layers.map((layer) => layer.path)))];
    const cache = dirname(layers[0] ?? "");
    const files = ["manifest.json", ...new Set(manifest.map(({ Config }) => Config))];
    const names = layers.map((layer) => basename(layer));
    const { stdout } = spawn("tar", ["-cf", "-", "-C", folder, ...files, "-C", cache, ...names]);
    await use(stdout);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
