import fs from "node:fs";
import path from "node:path";

function syncFolder(folder: string): void {
  const handle = fs.openSync(folder, "r");
  try {
    fs.fsyncSync(handle);
  } finally {
    fs.closeSync(handle);
  }
}

/** Replaces a file so that, whatever happens, either the old or the new content is there, whole and on the disk. */
export function writeDurably(file: string, content: string, mode = 0o600): void {
  const folder = path.dirname(file);
  fs.mkdirSync(folder, { recursive: true });
  const temporary = path.join(folder, `.${path.basename(file)}.${process.pid}.tmp`);
  const handle = fs.openSync(temporary, "w", mode);
  try {
    fs.writeFileSync(handle, content);
    fs.fsyncSync(handle);
  } finally {
    fs.closeSync(handle);
  }
  fs.renameSync(temporary, file);
  syncFolder(folder);
}

/** Gives a file's present content a second name, replacing what had it; nothing is copied where links work. */
export function keepAs(file: string, copy: string): void {
  if (!fs.existsSync(file)) return;
  const temporary = `${copy}.${process.pid}.tmp`;
  fs.rmSync(temporary, { force: true });
  try {
    fs.linkSync(file, temporary);
  } catch {
    fs.copyFileSync(file, temporary);
  }
  fs.renameSync(temporary, copy);
}

/** A file's text, or undefined when there is none. */
export function readIfThere(file: string): string | undefined {
  try {
    return fs.readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Names of the files in a folder that may not exist. */
export function listIfThere(folder: string): string[] {
  try {
    return fs.readdirSync(folder).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
