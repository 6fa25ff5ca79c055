import { existsSync, statSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";

import { note } from "./output";
import { takeOption } from "./take-option";

/** A preview whose plan is also written to a file. */
export interface PreviewReport {
  /** The command line for the engine, which does not know the option. */
  readonly argv: readonly string[];
  /** Says where the report is, once the engine has ended. @param code - the engine's exit code @returns the command's */
  readonly told: (code: number) => number;
}

/**
 * Takes `--report <file>` out of a command line, and asks the provider for the report: it is what knows the plan, under
 * either engine. Only the named file is written.
 *
 * @throws when there is nothing to report on, or no place for it; nothing was done then
 */
export function takePreviewReport(argv: readonly string[]): PreviewReport {
  const { rest, value } = takeOption(argv, "--report");
  if (value === undefined) return { argv, told: (code) => code };
  const [word] = rest;
  if (word !== "preview")
    throw new Error(
      `--report belongs to 'preview'. 'up' writes a report of every attempt by itself, into the folder of the setting 'report'. Nothing was done.`,
    );
  const file = resolve(value);
  if (!/\.(html|md)$/.test(value))
    throw new Error(`--report ${value}: the file must end in .html or .md. Nothing was done.`);
  if (!existsSync(dirname(file))) throw new Error(`--report ${value}: there is no such folder. Nothing was done.`);
  process.env.OCTOLLM_PREVIEW_REPORT = file;
  const before = identity(file);
  return {
    argv: rest,
    told: (code) => {
      const isWritten = identity(file) !== before;
      if (isWritten) note(`report: ${relative(process.cwd(), file)}`);
      else note(`No report was written to ${value}: the preview did not come as far as a plan.`);
      return isWritten ? code : code || 1;
    },
  };
}

/** A file that is replaced is another one. */
function identity(file: string): string {
  const { ino, mtimeMs } = statSync(file, { throwIfNoEntry: false }) ?? { ino: 0, mtimeMs: 0 };
  return `${ino} ${mtimeMs}`;
}
