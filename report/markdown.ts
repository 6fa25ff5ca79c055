import { printable } from "../environment/describe";
import {
  type Block,
  type CodeBlock,
  type ReportDocument,
  type TableBlock,
  textOf,
  type Timeline,
  type Tone,
} from "./document";
import { barName, downtime } from "./timeline";
import { duration, many } from "./words";

/** What a comment of a pull request may hold, with some room left. */
const longest = 60_000;

const signs: Readonly<Record<Tone, string>> = { good: "✅", bad: "❌", warn: "⚠️", plain: "ℹ️" };

/**
 * A report as GitHub-flavoured Markdown, short enough for a comment of a pull request: what does not fit any more is left out
 * whole, the SQL first because it stands last, and that is said.
 */
export function toMarkdown({ title, status, lead, facts, sections, footer }: ReportDocument): string {
  const parts = [
    `## ${signs[status.tone]} ${oneLine(title)}: ${oneLine(status.word)}`,
    escaped(lead),
    facts.map(([name, value]) => `**${oneLine(name)}** ${oneLine(value)}`).join(" · "),
    ...sections.flatMap((section) => [`### ${escaped(section.title)}`, ...section.blocks.map(written)]),
    `<sub>${escaped(footer)}</sub>`,
  ];
  return `${fitting(parts.filter((part) => part !== "")).join("\n\n")}\n`;
}

function fitting(parts: readonly string[]): string[] {
  const kept: string[] = [];
  let room = longest;
  for (const part of parts) {
    if (part.length + 2 > room) continue;
    room -= part.length + 2;
    kept.push(part);
  }
  const left = parts.length - kept.length;
  return left > 0 ? [...kept, `_Too long for this form, and only in the HTML report: ${many(left, "part")}._`] : kept;
}

function written(block: Block): string {
  switch (block.kind) {
    case "text":
      return `${block.tone && block.tone !== "plain" ? `${signs[block.tone]} ` : ""}${escaped(block.text)}`;
    case "list":
      return block.items.map((item) => `- ${escaped(item).replaceAll("\n", "  \n  ")}`).join("\n");
    case "table":
      return table(block);
    case "code":
      return code(block);
    case "timeline":
      return timelineTable(block.timeline);
  }
}

function code({ caption, language, lines, long }: CodeBlock): string {
  const content = lines.map(printable).join("\n");
  // A fence must be longer than any that stands in what it holds.
  const runs = content.match(/`+/g) ?? [];
  const fence = "`".repeat(Math.max(3, ...runs.map((run) => run.length + 1)));
  const block = `${fence}${language === "text" ? "" : language}\n${content}\n${fence}`;
  const shown = long ? `<details><summary>show</summary>\n\n${block}\n\n</details>` : block;
  return caption === undefined ? shown : `${oneLine(caption)}\n\n${shown}`;
}

function table({ columns, rows }: TableBlock): string {
  const head = columns.map(({ title }) => escaped(title));
  const rule = columns.map(({ align }) => (align === "right" ? "---:" : "---"));
  const body = rows.map((cells) =>
    cells.map((cell) => {
      const sign = typeof cell === "string" || cell.tone === "plain" ? "" : `${signs[cell.tone]} `;
      return sign + oneLine(textOf(cell));
    }),
  );
  return [head, rule, ...body].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

const chartWidth = 30;

/** A bar of characters for each phase: a chart that needs no picture. */
function timelineTable(timeline: Timeline): string {
  const { bars, outages, total } = timeline;
  const bar = (start: number, end: number, sign: string) => {
    const first = Math.min(Math.floor((start / total) * chartWidth), chartWidth - 1);
    const length = Math.max(1, Math.min(Math.round(((end - start) / total) * chartWidth), chartWidth - first));
    return `\`${"·".repeat(first)}${sign.repeat(length)}${"·".repeat(chartWidth - first - length)}\``;
  };
  const rows = [
    ...bars.map(({ name, start, end, remark, tone }) => {
      const said = `${tone === "bad" ? `${signs.bad} ` : ""}${oneLine(barName({ name, remark }))}`;
      return [said, bar(start, end, "█"), duration(end - start)];
    }),
    ...outages.map(({ start, end }) => ["_without service_", bar(start, end, "▒"), duration(end - start)]),
  ];
  const all = [["phase", `${duration(total)} in all`, "took"], ["---", "---", "---:"], ...rows];
  const sum = outages.length > 1 ? `\n\nWithout service: ${duration(downtime(timeline))}.` : "";
  return all.map((cells) => `| ${cells.join(" | ")} |`).join("\n") + sum;
}

/** The same for places that have one line. */
function oneLine(text: string): string {
  return escaped(text).replaceAll("\n", "<br>");
}

/**
 * Text that Markdown shows as it is: nothing in it is markup, a link, a cell's end, or calls somebody by name. Line breaks
 * stay for the caller.
 */
function escaped(text: string): string {
  return text
    .split("\n")
    .map((line) =>
      printable(line)
        .replace(/&/g, "&amp;")
        .replace(/</g, "&lt;")
        .replace(/>/g, "&gt;")
        .replace(/[\\`*_[\]|~#!]/g, "\\$&")
        .replace(/^(\s*)([-+])(?=\s|$)/, "$1\\$2")
        .replace(/^(\s*\d+)([.)])(?=\s|$)/, "$1\\$2")
        .replace(/@(?=\w)/g, "@<!-- -->")
        .replace(/\b(https?(?=:\/\/)|ftp(?=:\/\/)|www(?=\.))/gi, "$1<!-- -->"),
    )
    .join("\n");
}
