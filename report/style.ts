/** Colours of a scheme; a test holds every pair of text and ground to a contrast of at least 4.5. */
interface Scheme {
  readonly [name: string]: string;
}

/** For daylight and paper. */
export const light: Scheme = {
  ground: "#ffffff",
  panel: "#f3f5f7",
  text: "#1b2330",
  dim: "#566072",
  line: "#d6dbe2",
  good: "#0b6b3a",
  bad: "#b3261e",
  warn: "#7f5200",
  accent: "#2457a8",
  bar: "#3a72c4",
  shade: "#fdf1dd",
};

/** For the night in which upgrades are done. */
export const dark: Scheme = {
  ground: "#12161d",
  panel: "#1c222c",
  text: "#e5e9f0",
  dim: "#a2adbd",
  line: "#38414f",
  good: "#6fd39a",
  bad: "#ff8f87",
  warn: "#f2bd62",
  accent: "#8fb7f5",
  bar: "#5d93e0",
  shade: "#2a2215",
};

function variables(scheme: Scheme): string {
  return Object.entries(scheme)
    .map(([name, colour]) => `--${name}: ${colour};`)
    .join(" ");
}

/** The style sheet of a report's page. */
export const style = `
:root { color-scheme: light dark; ${variables(light)} }
@media (prefers-color-scheme: dark) { :root { ${variables(dark)} } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 1.5rem 1.25rem 3rem; max-width: 62rem; background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.1rem; margin: 2.25rem 0 .6rem; padding-top: .9rem; border-top: 1px solid var(--line); }
p { margin: .5rem 0; }
ul { margin: .5rem 0; padding-left: 1.25rem; }
li { margin: .15rem 0; }
.lead { font-size: 1.1rem; max-width: 46rem; }
.status { display: inline-block; font-size: .85rem; font-weight: 600; padding: .1rem .6rem; margin-left: .35rem;
  border: 1.5px solid currentColor; border-radius: 1rem; vertical-align: .2rem; white-space: nowrap; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); } .plain.status { color: var(--accent); }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: .75rem 1.25rem; margin: 1.25rem 0 0;
  padding: 1rem; background: var(--panel); border-radius: .5rem; }
dt { font-size: .8rem; color: var(--dim); } dd { margin: 0; font-weight: 500; }
table { width: 100%; border-collapse: collapse; margin: .75rem 0; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line); }
th { font-size: .8rem; font-weight: 500; color: var(--dim); }
th.right, td.right { text-align: right; white-space: nowrap; }
th:last-child, td:last-child { padding-right: 0; }
table.wide td:not(:last-child) { overflow-wrap: break-word; }
td.good, td.bad { font-weight: 600; } th { white-space: nowrap; } td:first-child:is(.good, .bad) { min-width: 3rem; }
.caption { margin: 1.1rem 0 .3rem; font-size: .85rem; color: var(--dim); }
pre { margin: .5rem 0; padding: .8rem 1rem; background: var(--panel); border-radius: .5rem; white-space: pre-wrap;
  font: .85rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
pre .line { display: block; min-height: 1.5em; }
pre .added { color: var(--good); } pre .removed { color: var(--bad); }
figure { margin: .75rem 0 1.25rem; }
svg.timeline { display: block; overflow: visible; font-size: 13px; }
.timeline text { fill: var(--text); } .timeline .took, .timeline .tick { fill: var(--dim); font-variant-numeric: tabular-nums; }
.timeline .downword { fill: var(--warn); font-weight: 600; }
.timeline .track { fill: var(--line); opacity: .35; } .timeline .grid { stroke: var(--line); }
.timeline .down { fill: var(--shade); }
.timeline rect.good, .timeline rect.plain { fill: var(--bar); } .timeline rect.bad { fill: var(--bad); }
footer { margin-top: 2.5rem; padding-top: .9rem; border-top: 1px solid var(--line); font-size: .85rem; color: var(--dim); }
@media (max-width: 40rem) {
  body { padding: 1rem 1rem 2rem; }
  h1 { font-size: 1.35rem; }
  dl { grid-template-columns: 1fr 1fr; }
  table.wide thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
  table.wide tr { display: block; padding: .4rem 0; border-bottom: 1px solid var(--line); }
  table.wide td:nth-child(n), table.wide td.right { overflow-wrap: anywhere; display: grid; grid-template-columns: 6rem 1fr; border: 0; padding: .1rem 0; text-align: left;
    white-space: normal; }
  table.wide td::before { content: attr(data-name); color: var(--dim); font-weight: 400; }
  table.wide td.empty { display: none; }
}
@media print {
  :root { color-scheme: light; ${variables(light)} }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  h2 { break-after: avoid; } tr, figure, dl, .caption { break-inside: avoid; } .caption { break-after: avoid; }
  pre { background: none; border: 1px solid var(--line); }
}
`;
