import { structuredPatch } from "diff";

import { bytesOf, type TextFile } from "./folder";

/**
 * A unified diff that `git apply` and `patch -p1` take, in the bytes of the files: their encoding and line ends stay.
 *
 * @param changed - the new texts by path
 */
export function unifiedDiff(files: readonly TextFile[], changed: ReadonlyMap<string, string>): Buffer {
  return Buffer.concat(
    files.flatMap((file) => {
      const text = changed.get(file.path);
      return text === undefined ? [] : [header(file.path), fileDiff(file, text)];
    }),
  );
}

function header(path: string): Buffer {
  return Buffer.from(`--- ${quoted(`a/${path}`)}\n+++ ${quoted(`b/${path}`)}\n`);
}

/** As git writes a name: in quotes where it holds a quote, backslash or control character; a tab ends one with blanks. */
function quoted(path: string): string {
  // eslint-disable-next-line no-control-regex -- a file's name may hold any of them
  if (!/["\\\u0000-\u001f\u007f]/.test(path)) return path.includes(" ") ? `${path}\t` : path;
  const escaped = path.replace(/["\\]/g, "\\$&");
  // eslint-disable-next-line no-control-regex -- see above
  return `"${escaped.replace(/[\u0000-\u001f\u007f]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`)}"`;
}

function fileDiff(file: TextFile, text: string): Buffer {
  const { hunks } = structuredPatch("", "", file.mark + file.text, file.mark + text, "", "", { context: 3 });
  const lines = hunks.flatMap(({ oldStart, oldLines, newStart, newLines, lines: own }) => [
    `@@ -${oldStart},${oldLines} +${newStart},${newLines} @@`,
    ...own,
  ]);
  return bytesOf({ ...file, mark: "" }, lines.map((line) => `${line}\n`).join(""));
}
