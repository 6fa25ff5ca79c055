import type { Bar, Timeline } from "./document";
import { html, type Markup } from "./markup";
import { barName, downtime, ticks } from "./timeline";
import { duration, many } from "./words";

const rowHeight = 36;
const barHeight = 10;
/** Room above the rows for the word "down". */
const top = 24;
const axisHeight = 26;
/** Pixels that a bar has at least: a phase of a moment is still seen. */
const leastWidth = 4;

/**
 * Phases as bars over an axis of time, the downtime shaded behind them. Widths are shares of the picture's own width and
 * everything else is in pixels, so that text is as large on a phone as on paper; each name stands above its bar, where
 * any name fits.
 *
 * @param title - of the section that it stands in, which has one chart: a page may have several
 */
export function chart(timeline: Timeline, title: string): Markup {
  const { bars, total } = timeline;
  const id = title.toLowerCase().replace(/[^a-z]+/g, "-");
  const bottom = top + bars.length * rowHeight;
  return html`<svg
    class="timeline"
    width="100%"
    height="${bottom + axisHeight}"
    role="img"
    aria-labelledby="${id}-title ${id}-text"
  >
    <title id="${id}-title">Timeline</title>
    <desc id="${id}-text">${describe(timeline)}</desc>
    ${shades(timeline, bottom)}${axis(total, bottom)}${bars.map((bar, index) => row(bar, top + index * rowHeight, total))}
  </svg>`;
}

function describe({ bars, total, outages }: Timeline): string {
  const down =
    outages.length > 0
      ? `, ${duration(outages.reduce((sum, { start, end }) => sum + end - start, 0))} of it without service`
      : "";
  return `${many(bars.length, "phase")} in ${duration(total)}${down}. The table below has the numbers.`;
}

function percent(part: number, total: number): string {
  return `${((100 * part) / total).toFixed(3)}%`;
}

function row(bar: Bar, y: number, total: number): Markup {
  const { start, end, tone } = bar;
  const isLate = start / total > 0.98;
  return html`<g>
    <text class="name" x="0" y="${y + 15}">${barName(bar)}</text>
    <text class="took" x="100%" y="${y + 15}" text-anchor="end">${duration(end - start)}</text>
    <rect class="track" x="0" y="${y + 21}" width="100%" height="${barHeight}" rx="2" />
    <rect
      class="${tone}"
      x="${percent(start, total)}"
      y="${y + 21}"
      width="${leastWidth}"
      height="${barHeight}"
      rx="2"
      ${isLate ? html` transform="translate(-${leastWidth} 0)"` : ""}
    />
    <rect
      class="${tone}"
      x="${percent(start, total)}"
      y="${y + 21}"
      width="${percent(end - start, total)}"
      height="${barHeight}"
      rx="2"
    />
  </g> `;
}

function shades(timeline: Timeline, bottom: number): Markup[] {
  const { outages, total } = timeline;
  return outages.map(
    ({ start, end }, index) =>
      html`<rect
          class="down"
          x="${percent(start, total)}"
          y="0"
          width="${percent(end - start, total)}"
          height="${bottom}"
        />
        ${index > 0 ? "" : downLabel((start + end) / 2 / total, `without service: ${duration(downtime(timeline))}`)}`,
  );
}

/** In the middle of the shade, but within the picture. */
function downLabel(middle: number, words: string): Markup {
  const [x, anchor] = middle < 0.25 ? ["0", "start"] : middle > 0.75 ? ["100%", "end"] : [percent(middle, 1), "middle"];
  return html`<text class="downword" x="${x}" y="15" text-anchor="${anchor}">${words}</text>`;
}

function axis(total: number, bottom: number): Markup[] {
  return ticks(total).map(({ at, label }) => {
    const anchor = at === 0 ? "start" : at / total > 0.94 ? "end" : "middle";
    const x = percent(at, total);
    return html`<line class="grid" x1="${x}" x2="${x}" y1="${top}" y2="${bottom + 4}" /><text
        class="tick"
        x="${x}"
        y="${bottom + 19}"
        text-anchor="${anchor}"
        >${label}</text
      > `;
  });
}
