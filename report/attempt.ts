import { describeSize } from "../backup/describe";
import type { Cell, ReportDocument, Section, TableBlock, Timeline, Tone } from "./document";
import { section } from "./document";
import type { AttemptFacts, BackupFact, CheckFact, RevisionFact } from "./facts";
import { environmentSection, list, pathSection, sqlBlocks, stepsOf, text, way, wayBackSection } from "./plan-sections";
import { downtime, timelineOf } from "./timeline";
import { duration, many, moment, number, rowRate } from "./words";

const statusOf: Readonly<Record<AttemptFacts["ending"]["kind"], ReportDocument["status"]>> = {
  succeeded: { word: "succeeded", tone: "good" },
  failed: { word: "failed", tone: "bad" },
  stopped: { word: "stopped", tone: "warn" },
  killed: { word: "did not end", tone: "bad" },
};

/** The report of one attempt, from the facts that are known at its end. */
export function attemptReport(facts: AttemptFacts): ReportDocument {
  const { plan, ending } = facts;
  const timeline = timelineOf(facts);
  return {
    title: `OctoLLM ${way(facts)}`,
    status: statusOf[ending.kind],
    lead: leadOf(facts, timeline),
    facts: keyFacts(facts, timeline),
    sections: [
      ...(ending.kind === "succeeded" ? [] : whatHappened(ending)),
      ...section("Timeline", ...(timeline.bars.length > 0 ? [{ kind: "timeline" as const, timeline }] : [])),
      ...(plan === null ? [] : pathSection(plan)),
      ...revisionSection(facts),
      ...backupSection(facts),
      ...(plan === null ? [] : environmentSection(plan)),
      ...checkSection(facts.checks),
      ...(plan === null || ending.kind !== "succeeded" ? [] : wayBackSection(plan)),
      ...section("SQL", ...sqlBlocks(plan)),
    ],
    footer: `OctoLLM Upgrade ${facts.program}. Times are UTC.`,
  };
}

function leadOf(facts: AttemptFacts, timeline: Timeline): string {
  const { ending, direction, from, to } = facts;
  const down = timeline.outages.length > 0 ? `, ${duration(downtime(timeline))} of it without service` : "";
  const took = `It took ${duration(timeline.total)}${down}.`;
  if (ending.kind === "stopped") return `It stopped where stopAfter says, and nothing was undone. ${took}`;
  if (ending.kind === "killed")
    return `Attempt ${facts.attempt} was cut short, by a kill or a power cut, and wrote no report. What follows is what the ledger knows of it.`;
  if (ending.kind === "failed") return `${firstLine(ending.text)} ${took}`;
  if (direction === "adopt") return `The stack has taken OctoLLM ${to} over as it runs; nothing of it was changed.`;
  if (direction === "install") return `OctoLLM ${to} was installed, and serves. ${took}`;
  if (direction === "restore") return `A backup of OctoLLM ${to} has taken the place of what was there. ${took}`;
  return from === to ? `OctoLLM ${to} was put right. ${took}` : `OctoLLM ${to} serves. ${took}`;
}

function firstLine(words: string): string {
  const [first = ""] = words.split("\n");
  return `${first.replace(/[.:]$/, "")}.`;
}

function keyFacts(facts: AttemptFacts, timeline: Timeline): [string, string][] {
  return [
    ["stack", facts.stack],
    ["host", facts.host],
    ["attempt", String(facts.attempt)],
    ["plan", facts.planId],
    ["begun", moment(facts.startedAt)],
    ["ended", facts.ending.kind === "killed" ? "never" : moment(facts.endedAt)],
    ["downtime", timeline.outages.length > 0 ? downtimeText(facts, timeline) : noDowntime(facts)],
    ["backup", facts.backup?.id ?? "none"],
  ];
}

function downtimeText({ outages }: AttemptFacts, timeline: Timeline): string {
  const still = outages.some(({ to }) => to === null);
  return `${duration(downtime(timeline))}${still ? ", and not seen to serve since" : ""}`;
}

/** Where nothing has to stop, the deployment still starts each service anew. */
function noDowntime({ phases, from, to, ending }: AttemptFacts): string {
  if (ending.kind === "killed") return "unknown";
  const deployed = phases.some(({ name }) => name === "Resume");
  return deployed && from !== to ? "none planned; each service was started anew" : "none";
}

/** The text as the operator was shown it: what failed, how things stand, whether it was undone, and what to type next. */
function whatHappened(ending: Exclude<AttemptFacts["ending"], { kind: "succeeded" }>): Section[] {
  const title = ending.kind === "stopped" ? "How things stand" : "What happened, and what to do next";
  return section(title, { kind: "code", language: "text", lines: ending.text.split("\n") });
}

/** The revisions of an attempt with their times. */
export function revisionSection({
  plan,
  revisions,
  counts,
}: Pick<AttemptFacts, "plan" | "revisions" | "counts">): Section[] {
  if (revisions.length === 0) return [];
  const rows = revisions.map((fact) => {
    const step = stepsOf(plan).find(({ revision }) => revision === fact.revision);
    const tables = new Set((step?.facts ?? []).map((fact) => /^line \d+: (\S+) /.exec(fact)?.[1] ?? ""));
    const [table, ...more] = [...tables].filter((name) => counts?.[name] !== undefined);
    const touched = table === undefined || more.length > 0 ? undefined : counts?.[table];
    const isDone = fact.outcome === "applied";
    return [
      `${fact.direction === "up" ? "+" : "-"}${fact.revision}`,
      step?.title ?? "",
      outcomeOf(fact),
      duration(fact.milliseconds),
      touched === undefined ? "" : `${number(touched)} in ${table}`,
      touched === undefined || !isDone ? "" : rowRate(touched, fact.milliseconds),
    ];
  });
  const columns: TableBlock["columns"] = [
    { title: "revision" },
    { title: "what" },
    { title: "outcome" },
    { title: "took", align: "right" },
    { title: "rows", align: "right" },
    { title: "rate", align: "right" },
  ];
  return section("Revisions", { kind: "table", columns, rows });
}

function outcomeOf({ direction, outcome }: RevisionFact): string {
  if (outcome === "already there") return direction === "up" ? "was there already" : "was gone already";
  return direction === "up" ? "applied" : "undone";
}

function backupSection({ backup, counts, plan }: AttemptFacts): Section[] {
  if (backup === null)
    return plan?.backup.required === true ? section("Backup", text("No backup was made.", "warn")) : [];
  const rows = Object.entries(counts ?? {}).map(([table, count]) => [table, number(count)]);
  const columns: TableBlock["columns"] = [{ title: "table" }, { title: "rows in it", align: "right" }];
  return section(
    "Backup",
    text(backup.path),
    list(proofOf(backup)),
    rows.length > 0 ? { kind: "table", columns, rows } : null,
  );
}

function proofOf({ proof }: BackupFact): string[] {
  if (proof === null) return ["its manifest could not be read when this report was written"];
  const { bytes, seconds, files } = proof;
  const rate = seconds > 0.05 ? `, ${describeSize(bytes / seconds)}/s` : "";
  return [
    `${describeSize(bytes)} in ${many(files, "file")}, made in ${duration(seconds * 1000)}${rate}, with ${proof.tool}`,
    `proof: the SHA-256 of every file was read back, and pg_restore lists the dump`,
    ...(proof.verified === "restore"
      ? ["proof: it was restored into a scratch database, and rows, objects and invariants compared"]
      : []),
    proof.encrypted ? "encrypted to age recipients" : "not encrypted",
  ];
}

/** A table of checks, those that failed first. */
export function checkSection(checks: readonly CheckFact[], title = "Checks"): Section[] {
  if (checks.length === 0) return [];
  const failed = checks.filter(({ passed }) => !passed).length;
  const left = checks.filter(({ skipped }) => skipped === true).length;
  const made = checks.length - left;
  const rest = left === 0 ? "" : ` ${left} could not be made.`;
  const verdict: [string, Tone] =
    failed === 0
      ? [`${made === 1 ? "It" : `All ${made}`} passed.${rest}`, "good"]
      : [`${failed} of ${made} failed.${rest}`, "bad"];
  // What failed is what the reader is looking for.
  const rows = checks
    .toSorted((a, b) => Number(a.passed) - Number(b.passed))
    .map(({ check, passed, skipped, detail }): Cell[] => [
      passed ? (skipped === true ? "skip" : { text: "pass", tone: "good" }) : { text: "FAIL", tone: "bad" },
      check,
      detail,
    ]);
  const columns: TableBlock["columns"] = [{ title: "result" }, { title: "check" }, { title: "found" }];
  return section(title, text(...verdict), { kind: "table", columns, rows });
}
