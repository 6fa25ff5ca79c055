import { chart } from "./chart";
import {
  type Block,
  type Cell,
  type CodeBlock,
  type ReportDocument,
  type Section,
  type Stretch,
  type TableBlock,
  textOf,
  type Timeline,
} from "./document";
import { html, Markup } from "./markup";
import { style } from "./style";
import { barName } from "./timeline";
import { duration } from "./words";

/**
 * A report as one page that needs nothing besides itself: no script, no font, no picture from anywhere. Its content security
 * policy has the browser refuse what a hostile text might still bring in.
 */
export function toHtml(report: ReportDocument): string {
  const { title, status, lead, facts, sections, footer } = report;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>${title}: ${status.word}</title>
        <style>
          ${new Markup(style)}
        </style>
      </head>
      <body>
        <header>
          <h1>${title} <span class="status ${status.tone}">${status.word}</span></h1>
          <p class="lead">${lead}</p>
          <dl>
            ${facts.map(
              ([name, value]) =>
                html`<div>
                  <dt>${name}</dt>
                  <dd>${value}</dd>
                </div> `,
            )}
          </dl>
        </header>
        <main>${sections.map(sectionMarkup)}</main>
        <footer>${footer}</footer>
      </body>
    </html> `.source;
}

function sectionMarkup({ title, blocks }: Section): Markup {
  return html`<section>
    <h2>${title}</h2>
    ${blocks.map((block) => blockMarkup(block, title))}
  </section> `;
}

function blockMarkup(block: Block, title: string): Markup {
  switch (block.kind) {
    case "text":
      return html`<p${block.tone === undefined ? "" : html` class="${block.tone}"`}>${block.text}</p>
`;
    case "list":
      return html`<ul>
        ${block.items.map((item) => html`<li>${lines(item)}</li> `)}
      </ul> `;
    case "table":
      return table(block);
    case "code":
      return code(block);
    case "timeline":
      return html`<figure>${chart(block.timeline, title)}</figure>
        ${table(timelineTable(block.timeline))}`;
  }
}

/** A text of several lines keeps them. */
function lines(words: string): Markup[] {
  return words.split("\n").map((line, index) => html`${index > 0 ? new Markup("<br>") : ""}${line}`);
}

/** On a phone a table of many columns becomes a list of its rows, each value with its column's name. */
function table({ columns, rows }: TableBlock): Markup {
  const wide = columns.length > 3 ? "wide" : "plain";
  return html`<table class="${wide}">
    <thead>
      <tr>
        ${columns.map(({ title, align }) => html`<th scope="col" ${align ? html` class="${align}"` : ""}>${title}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${rows.map(
        (row) =>
          html`<tr>
            ${row.map((cell, index) => cellMarkup(cell, columns[index]))}
          </tr> `,
      )}
    </tbody>
  </table> `;
}

function cellMarkup(cell: Cell, column: TableBlock["columns"][number] | undefined): Markup {
  const tone = typeof cell === "string" ? "" : cell.tone;
  const words = textOf(cell);
  const classes = [column?.align ?? "", tone, words === "" ? "empty" : ""].filter((one) => one !== "").join(" ");
  return html`<td data-name="${column?.title ?? ""}" ${classes === "" ? "" : html` class="${classes}"`}>
    ${lines(words)}
  </td>`;
}

function code({ language, lines: content, caption }: CodeBlock): Markup {
  const shown = content.map(
    (line) => html`<span${html` class="${lineClass(language, line)}"`}>${line}
</span>`,
  );
  return html`${caption === undefined ? "" : html`<p class="caption">${caption}</p> `}
    <pre class="${language}"><code>${shown}</code></pre> `;
}

function lineClass(language: CodeBlock["language"], line: string): string {
  if (language !== "diff") return "line";
  return line.startsWith("+") ? "line added" : line.startsWith("-") ? "line removed" : "line";
}

function timelineTable({ bars, outages }: Timeline): TableBlock {
  const at = (milliseconds: number) => `+${duration(milliseconds)}`;
  const took = ({ start, end }: Stretch) => [at(start), duration(end - start)];
  return {
    kind: "table",
    columns: [{ title: "phase" }, { title: "began", align: "right" }, { title: "took", align: "right" }],
    rows: [
      ...bars.map((bar): Cell[] => [{ text: barName(bar), tone: bar.tone === "bad" ? "bad" : "plain" }, ...took(bar)]),
      ...outages.map((outage): Cell[] => [{ text: "without service", tone: "warn" }, ...took(outage)]),
    ],
  };
}
