import { chmod, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { replaceFile } from "../environment/write";
import type { ReportDocument } from "./document";
import { toHtml } from "./html";
import { toMarkdown } from "./markdown";

/** Where reports go and how many are kept. */
export interface ReportSettings {
  /** Relative to the installation. */
  readonly folder: string;
  /** Attempts whose reports are kept. */
  readonly keep: number;
}

/** What a report's file is named by. */
export interface ReportName {
  /** When the attempt began, in milliseconds since the epoch. */
  readonly startedAt: number;
  readonly from: string;
  readonly to: string;
  readonly attempt: number;
}

/** Only files of this form are ever deleted. */
const ownName = /^(?<time>\d{8}T\d{6}Z)-[0-9A-Za-z.]+-[0-9A-Za-z.]+-attempt(?<attempt>\d+)\.(html|md)$/;

/** `20260101T021500Z-0.1.0-1.0.0-attempt2`: sorts by time and tells what it is of. */
export function reportName({ startedAt, from, to, attempt }: ReportName): string {
  return `${timeOf(startedAt)}-${from}-${to}-attempt${attempt}`;
}

function timeOf(at: number): string {
  return new Date(at).toISOString().replace(/[-:]|\.\d+/g, "");
}

/**
 * Writes an attempt's report as HTML and as Markdown, readable by its owner only, and deletes those of the oldest attempts.
 *
 * @param folder - made when absent
 * @returns path of the HTML file
 */
export async function writeReport(folder: string, name: string, report: ReportDocument, keep: number): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const page = join(folder, `${name}.html`);
  await writeReportFile(page, report);
  await writeReportFile(join(folder, `${name}.md`), report);
  await deleteOldest(folder, keep, ownName);
  return page;
}

/**
 * Writes one file, as its ending says: `.md` is Markdown, everything else HTML. A file of that name is replaced at once.
 */
export async function writeReportFile(path: string, report: ReportDocument): Promise<void> {
  await replaceFile(path, path.endsWith(".md") ? toMarkdown(report) : toHtml(report));
  await chmod(path, 0o600);
}

/** Only rehearsals' files of this form are ever deleted. */
const rehearsalName = /^(?<time>\d{8}T\d{6}Z)-[0-9A-Za-z.]+-[0-9A-Za-z.]+-rehearsal\.(html|md)$/;

/**
 * Writes a rehearsal's report as HTML and as Markdown, readable by its owner only, and deletes those of the oldest ones.
 *
 * @param keep - rehearsals whose reports are kept
 * @returns path of the HTML file
 */
export async function writeRehearsal(
  folder: string,
  { startedAt, from, to }: Pick<ReportName, "startedAt" | "from" | "to">,
  report: ReportDocument,
  keep: number,
): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const name = `${timeOf(startedAt)}-${from}-${to}-rehearsal`;
  const page = join(folder, `${name}.html`);
  await writeReportFile(page, report);
  await writeReportFile(join(folder, `${name}.md`), report);
  await deleteOldest(folder, keep, rehearsalName);
  return page;
}

/** Whether an attempt has a report in the folder. */
export async function hasReport(folder: string, attempt: number): Promise<boolean> {
  const names = await readdir(folder).catch(() => []);
  return names.some((name) => ownName.exec(name)?.groups?.attempt === String(attempt));
}

async function deleteOldest(folder: string, keep: number, form: RegExp): Promise<void> {
  const own = (await readdir(folder)).flatMap((name) => {
    const { time = "", attempt = "" } = form.exec(name)?.groups ?? {};
    return time === "" ? [] : [{ name, key: `${time} ${attempt.padStart(9, "0")}` }];
  });
  const kept = new Set([...new Set(own.map(({ key }) => key))].toSorted().slice(-keep));
  for (const { name, key } of own) if (!kept.has(key)) await rm(join(folder, name), { force: true });
}
