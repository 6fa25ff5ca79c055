import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";

/** The folder of the program, and of its documentation. */
export const programFolder = resolve(__dirname, "../../..");

/** A fenced block of a page. */
export interface Block {
  /** `docs/backup.md:12`, the line of its fence. */
  readonly place: string;
  /** The word behind the fence: `sh`, `text`, `yaml`; empty when there is none. */
  readonly language: string;
  readonly text: string;
  /** What the HTML comment right before it says; null when there is none. */
  readonly comment: string | null;
}

/** One Markdown file. */
export interface Page {
  /** Relative to the program's folder. */
  readonly path: string;
  readonly blocks: readonly Block[];
  /** Everything outside of the fences, line by line; lines of blocks are empty. */
  readonly prose: readonly string[];
}

/** README, CONTRIBUTING and every page below `docs/`, by their paths. */
export function readPages(): Page[] {
  const docs = readdirSync(join(programFolder, "docs"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".md"))
    .map((entry) => relative(programFolder, join(entry.parentPath, entry.name)))
    .sort();
  return ["README.md", "CONTRIBUTING.md", ...docs].map(readPage);
}

/** @param path - of the page, relative to the program's folder */
export function readPage(path: string): Page {
  return parsePage(path, readFileSync(join(programFolder, path), "utf8"));
}

/** @throws when a fence is not closed */
export function parsePage(path: string, markdown: string): Page {
  const lines = markdown.split("\n");
  const blocks: Block[] = [];
  const prose: string[] = [];
  for (let index = 0; index < lines.length; index++) {
    const [, fence, language = ""] = /^(```+)\s*(\S*)/.exec(lines[index] ?? "") ?? [];
    prose.push(fence === undefined ? (lines[index] ?? "") : "");
    if (fence === undefined) continue;
    const end = lines.findIndex((line, at) => at > index && line === fence);
    if (end < 0) throw new Error(`${path}:${index + 1}: this fence is not closed`);
    const text = lines.slice(index + 1, end).join("\n");
    blocks.push({ place: `${path}:${index + 1}`, language, text, comment: commentAbove(lines, index) });
    prose.push(...lines.slice(index + 1, end + 1).map(() => ""));
    index = end;
  }
  return { path, blocks, prose };
}

/** An empty line may stand between comment and fence: some renderers need it. */
function commentAbove(lines: readonly string[], index: number): string | null {
  const above = lines.slice(0, index).findLast((line) => line !== "") ?? "";
  return /^<!-- (.*) -->$/.exec(above)?.[1] ?? null;
}

/** Texts in backticks, without those of blocks, each with its place. */
export function inlineCode({ path, prose }: Page): { readonly place: string; readonly text: string }[] {
  return prose.flatMap((line, index) =>
    [...line.matchAll(/`([^`]+)`/g)].map(([, text = ""]) => ({ place: `${path}:${index + 1}`, text })),
  );
}
