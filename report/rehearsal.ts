import { describeSize } from "../backup/describe";
import { row } from "../planner/summary";
import { checkSection, revisionSection } from "./attempt";
import type { Cell, ReportDocument, Section, TableBlock, Tone } from "./document";
import { section } from "./document";
import { list, text, way, wayBackSection } from "./plan-sections";
import type { CloneFact, LoadFact, RehearsalFacts, TestFact, TrialRun } from "./rehearsal-facts";
import { downtime, timelineOf } from "./timeline";
import { duration, many, moment, number } from "./words";

/** The report of a rehearsal on staging. */
export function rehearsalReport(facts: RehearsalFacts): ReportDocument {
  const isGood = facts.faults.length === 0;
  return {
    title: `Rehearsal of OctoLLM ${way(facts)}`,
    status: isGood ? { word: "good", tone: "good" } : { word: "not good", tone: "bad" },
    lead: leadOf(facts),
    facts: keyFacts(facts),
    sections: [
      ...section("What went wrong", list(facts.faults)),
      ...section("What production will be asked to accept", list(facts.asked)),
      ...cloneSection(facts.clone),
      ...trialSection("Upgrade", facts.up, facts.clone),
      ...testSection(facts.test),
      ...loadSection(facts),
      ...checkSection(facts.checks),
      ...trialSection("The way back", facts.back, facts.clone),
      ...checkSection(facts.backChecks, "After the way back"),
      ...planBack(facts.up),
      ...section("How staging stands", list(facts.stands)),
    ],
    footer: `OctoLLM Upgrade ${facts.program}. Production was only read. Times are UTC.`,
  };
}

function leadOf({ faults, up, back, from, to, startedAt, endedAt }: RehearsalFacts): string {
  const took = `It took ${duration(endedAt - startedAt)}.`;
  if (faults.length > 0) return `${many(faults.length, "thing")} went wrong; they stand below. ${took}`;
  const times = up && back ? `up took ${duration(lasted(up))}, back ${duration(lasted(back))}. ` : "";
  return `OctoLLM ${to} served on a clone of production, and ${from} serves again: ${times}${took}`;
}

const lasted = ({ startedAt, endedAt }: TrialRun): number => endedAt - startedAt;

function keyFacts(facts: RehearsalFacts): [string, string][] {
  const { clone, up } = facts;
  return [
    ["stack", facts.stack],
    ["production", facts.production],
    ["host", facts.host],
    ["begun", moment(facts.startedAt)],
    ["ended", moment(facts.endedAt)],
    ["cloned", clone ? `${describeSize(clone.bytes)} in ${duration(clone.taking + clone.loading)}` : "nothing"],
    ["downtime of up", up ? downtimeOf(up) : "unknown"],
  ];
}

function downtimeOf(run: TrialRun): string {
  const timeline = timelineOf(run);
  return timeline.outages.length > 0 ? duration(downtime(timeline)) : "none planned";
}

function cloneSection(clone: CloneFact | null): Section[] {
  if (clone === null) return [];
  const { bytes, rows, tables, masked, taking, loading, kept } = clone;
  const columns: TableBlock["columns"] = [
    { title: "column" },
    { title: "masked as" },
    { title: "rows", align: "right" },
    { title: "values masked", align: "right" },
    { title: "left as they were", align: "right" },
  ];
  // A clone with a single such value was not let in.
  const lines = masked.map(({ table, column, kind, rows: all, values }): Cell[] => [
    `${table}.${column}`,
    kind,
    number(all),
    number(values),
    { text: "0", tone: "good" },
  ]);
  return section(
    "Clone",
    list([
      `${describeSize(bytes)}, ${many(rows, "row")} of ${many(tables, "table")}`,
      `read from production in ${duration(taking)}, in one READ ONLY snapshot`,
      `loaded, compared and swapped in ${duration(loading)}`,
      kept === null
        ? "it has replaced an earlier clone, which was dropped"
        : `what it has replaced is kept as database '${kept}'`,
    ]),
    masked.length > 0
      ? { kind: "table", columns, rows: lines }
      : text("Nothing was masked: every value of production is on staging.", "warn"),
  );
}

function trialSection(title: string, run: TrialRun | null, clone: CloneFact | null): Section[] {
  if (run === null) return [];
  const { failure, plan, revisions } = run;
  const timeline = timelineOf(run);
  const inner = revisionSection({ plan, revisions, counts: clone?.counts ?? null }).flatMap(({ blocks }) => blocks);
  return section(
    title,
    failure.length > 0 ? text("It failed. The engine's last words:", "bad") : null,
    failure.length > 0 ? { kind: "code", language: "text", lines: failure } : null,
    timeline.bars.length > 0 ? { kind: "timeline", timeline } : null,
    ...inner,
  );
}

function testSection(test: TestFact | null): Section[] {
  if (test === null) return [];
  const { command, passed, ending, milliseconds, tail } = test;
  const verdict: [string, Tone] = [
    `${passed ? "Passed" : "Failed"}: ${ending}, in ${duration(milliseconds)}.`,
    passed ? "good" : "bad",
  ];
  return section(
    "Test",
    text(...verdict),
    { kind: "code", language: "text", lines: command.split("\n"), caption: "The command" },
    tail.length > 0
      ? { kind: "code", language: "text", lines: tail, caption: "The end of its output", long: true }
      : null,
  );
}

function loadSection({ before, after, loadChecks, from, to }: RehearsalFacts): Section[] {
  if (before === null && after === null) return [];
  const columns: TableBlock["columns"] = [
    { title: "" },
    { title: from, align: "right" },
    { title: to, align: "right" },
  ];
  const line = (title: string, pick: (fact: LoadFact) => string) => [
    title,
    before ? pick(before) : "-",
    after ? pick(after) : "-",
  ];
  const checks = checkSection(loadChecks).flatMap(({ blocks }) => blocks);
  return section(
    "Load test",
    {
      kind: "table",
      columns,
      rows: [
        line("requests", ({ requests }) => number(requests)),
        line("a second", ({ perSecond }) => number(Math.round(perSecond))),
        line("errors", ({ errors }) => number(errors)),
        line("p50", ({ p50 }) => latency(p50)),
        line("p95", ({ p95 }) => latency(p95)),
        line("p99", ({ p99 }) => latency(p99)),
        line("by", ({ tool, seconds }) => `${tool}, ${duration(seconds * 1000)}`),
      ],
    },
    ...checks,
    list([
      ...(before?.paths ?? []).map((path) => `${from}: ${path}`),
      ...(after?.paths ?? []).map((path) => `${to}: ${path}`),
    ]),
  );
}

function latency(milliseconds: number | null): string {
  return milliseconds === null ? "-" : `${milliseconds.toFixed(1)} ms`;
}

function planBack(up: TrialRun | null): Section[] {
  if (!up?.plan) return [];
  return wayBackSection(up.plan).map(({ blocks }) => ({ title: "What the plan says of the way back", blocks }));
}

/** The same in some lines for a terminal. */
export function rehearsalLines(facts: RehearsalFacts): string[] {
  const { clone, up, back, test, before, after, checks, backChecks, faults, asked, stands, from, to } = facts;
  const passed = [...checks, ...backChecks, ...facts.loadChecks].filter((check) => check.passed).length;
  const all = checks.length + backChecks.length + facts.loadChecks.length;
  const trial = (name: string, run: TrialRun | null) =>
    run === null
      ? []
      : row(
          name,
          `${run.failure.length > 0 ? "FAILED after" : "took"} ${duration(lasted(run))}, without service: ${downtimeOf(run)}`,
        );
  const load = (version: string, fact: LoadFact | null) =>
    fact === null
      ? []
      : row(
          "load",
          `${version}: ${number(fact.requests)} requests, ${number(fact.errors)} errors, p50 ${latency(fact.p50)}, p95 ${latency(fact.p95)}, p99 ${latency(fact.p99)}`,
        );
  return [
    ...row("rehearsed", `OctoLLM ${from} -> ${to} -> ${from}, in ${duration(facts.endedAt - facts.startedAt)}`),
    ...(clone === null
      ? []
      : row(
          "clone",
          `${describeSize(clone.bytes)}, ${many(clone.rows, "row")}, ${many(clone.masked.length, "column")} masked; ${duration(clone.taking)} to read, ${duration(clone.loading)} to load`,
        )),
    ...trial("up", up),
    ...(test === null
      ? []
      : row("test", `${test.passed ? "passed" : "FAILED"} (${test.ending}), ${duration(test.milliseconds)}`)),
    ...load(from, before),
    ...load(to, after),
    ...(all === 0 ? [] : row("checks", `${passed} of ${all} passed`)),
    ...trial("back", back),
    ...asked.flatMap((line) => row("asked", line.replace(/\s+/g, " "))),
    ...stands.flatMap((line) => row("now", line)),
    ...row("result", faults.length === 0 ? "good" : "not good"),
  ];
}
