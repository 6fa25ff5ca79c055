import type { Plan, RevisionStep } from "./plan";

/** The plan in some ten lines, for a preview without details. */
export function summarise(plan: Plan): string[] {
  const { rollback, stops, revisions, environment, loss } = plan;
  const steps = [...revisions.pre, ...revisions.post];
  const rows: [string, string][] = [
    ["path", plan.from === plan.to ? plan.to : `${plan.from} -> ${plan.to} (${plan.path.join(", ")})`],
    ...plan.breaks.map((text): [string, string] => ["breaks", text]),
    ["stops", stops.services.length > 0 ? `${stops.services.join(", ")}: ${stops.reasons[0]}` : `nothing: ${stops.reasons[0]}`],
    ["backup", plan.backup.required ? (plan.backup.contents[0] ?? "") : "none: neither schema nor .env changes"],
    ["revisions", steps.length > 0 ? steps.map(describeStep).join(", ") : "none"],
    ["env", environment.lines.length > 0 ? `${environment.lines.length} lines of ${environment.file}` : "unchanged"],
    ["deploys", plan.deploy.services.join(", ")],
    ["checks", `${plan.checks.lines.length}${plan.checks.countsMustMatch ? ", row counts must be equal" : ""}`],
    ["loses", loss.kinds.length > 0 ? `${loss.kinds.join("; ")} (loss id ${loss.id})` : "nothing"],
    ["way back", `${rollback.class}, ${rollback.loses.length > 0 ? `loses ${rollback.loses.join("; ")}` : "loses nothing"}`],
    ["plan", `${plan.id}, attempt ${plan.attempt}`],
  ];
  return rows.map(([name, text]) => `${name.padEnd(9)} ${text}`);
}

function describeStep({ revision, direction }: RevisionStep): string {
  return direction === "up" ? `+${revision}` : `-${revision}`;
}
