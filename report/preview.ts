import type { Plan } from "../planner/plan";
import type { ReportDocument, Section, TableBlock } from "./document";
import { section } from "./document";
import type { PreviewFacts } from "./facts";
import { environmentSection, list, pathSection, sqlBlocks, stepsOf, text, way, wayBackSection } from "./plan-sections";
import { many, moment } from "./words";

/** The report of a preview: the plan, and what stands in its way. */
export function previewReport(facts: PreviewFacts): ReportDocument {
  const { plan, refusals, gates, drift, estimates } = facts;
  const isPlanned = plan !== null && refusals.length === 0 && !facts.settled;
  return {
    title: `OctoLLM ${way(facts)}`,
    status: statusOf(facts),
    lead: leadOf(facts),
    facts: [
      ["stack", facts.stack],
      ["host", facts.host],
      ["made", moment(facts.madeAt)],
      ...(isPlanned
        ? ([
            ["plan", plan.id],
            ["attempt", String(plan.attempt)],
          ] as const)
        : []),
    ],
    sections: [
      ...section("What stands in the way", list(refusals)),
      ...section("Still to be accepted", gates.length > 0 ? text("'up' will refuse this:", "warn") : null, list(gates)),
      ...section("Changed by somebody since the last up", list(drift)),
      ...(isPlanned ? planSections(plan) : []),
      ...section("How much it is about", list(estimates.map(([name, words]) => `${name}: ${words}`))),
      ...(isPlanned ? section("SQL", ...sqlBlocks(plan)) : []),
    ],
    footer: `OctoLLM Upgrade ${facts.program}. A preview: nothing was touched. Times are UTC.`,
  };
}

function statusOf({ refusals, settled, gates }: PreviewFacts): ReportDocument["status"] {
  if (refusals.length > 0) return { word: "refused", tone: "bad" };
  if (settled) return { word: "nothing to do", tone: "good" };
  return gates.length > 0 ? { word: "to be accepted", tone: "warn" } : { word: "planned", tone: "plain" };
}

function leadOf({ plan, refusals, settled, to }: PreviewFacts): string {
  if (refusals.length > 0) return "This cannot be done as things are. Nothing was touched.";
  if (plan === null || settled) return `OctoLLM ${to} is as it should be; 'up' would do nothing.`;
  const { stops, backup, environment, loss } = plan;
  const steps = stepsOf(plan);
  const parts = [
    stops.services.length > 0 ? `stops ${stops.services.join(", ")}` : "stops nothing",
    ...(backup.required ? ["makes a backup"] : []),
    ...(plan.restore.backup === null ? [] : [`restores backup ${plan.restore.backup}`]),
    `${steps[0]?.direction === "down" ? "undoes" : "applies"} ${many(steps.length, "revision")}`,
    `changes ${many(environment.lines.length, "line")} of ${environment.file}`,
    loss.kinds.length > 0 ? "LOSES DATA" : "loses nothing",
  ];
  return `'up' ${parts.slice(0, -1).join(", ")}, and ${parts.at(-1) ?? ""}.`;
}

function planSections(plan: Plan): Section[] {
  const { stops, backup, restore, deploy, checks, loss } = plan;
  return [
    ...section(
      "What is lost",
      loss.kinds.length > 0 ? text(`Loss id: ${loss.id ?? ""}`, "bad") : null,
      list(loss.kinds),
    ),
    ...pathSection(plan),
    ...section(
      "Stops",
      text(stops.services.length > 0 ? stops.services.join(", ") : "Nothing has to stop."),
      list(stops.reasons),
    ),
    ...section("Backup", backup.required ? null : text("None is needed."), list(backup.contents)),
    ...section("Restore", list(restore.lines)),
    ...revisionSection(plan),
    ...environmentSection(plan),
    ...section("Deploys", list(deploy.services)),
    ...section("Checks", list(checks.lines)),
    ...wayBackSection(plan),
  ];
}

function revisionSection(plan: Plan): Section[] {
  const rows = stepsOf(plan).map(({ revision, direction, title, release, facts }) => [
    `${direction === "up" ? "+" : "-"}${revision}`,
    title,
    release,
    facts.join("\n"),
  ]);
  const columns: TableBlock["columns"] = ["revision", "what", "release", "its statements"].map((title) => ({ title }));
  return rows.length > 0 ? section("Revisions", { kind: "table", columns, rows }) : [];
}
