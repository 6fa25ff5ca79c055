import { hazards } from "../postgres/hazards/table";
import type { Plan, RevisionStep } from "./plan";

/** Engines show these lines indented by four columns; together they stay within 80. */
const textWidth = 64;

/** The plan in some ten lines, for a preview without details. */
export function summarise(plan: Plan): string[] {
  const { rollback, stops, revisions } = plan;
  const steps = [...revisions.pre, ...revisions.post];
  const rows: [string, string][] = [
    ["path", describePath(plan)],
    ...plan.breaks.map((text): [string, string] => ["breaks", text]),
    [
      "stops",
      [
        stops.services.length > 0 ? `${stops.services.join(", ")} (for ${causes(plan)})` : describeGaps(plan),
        ...describeStores(plan),
      ].join("; "),
    ],
    [
      "backup",
      plan.backup.required
        ? `${plan.environment.file}, database and configuration, before anything changes`
        : "none is needed",
    ],
    ...describeRestore(plan),
    ["revisions", steps.length > 0 ? steps.map(describeStep).join(", ") : "none"],
    ...steps.flatMap(describeWhy),
    ["env", describeEnvironment(plan)],
    ...describeDeployment(plan),
    ["checks", `${plan.checks.lines.length}${plan.checks.countsMustMatch ? ", row counts must be equal" : ""}`],
    ["loses", describeLoss(plan)],
    [
      "way back",
      `${rollback.class}, ${rollback.loses.length > 0 ? `loses ${rollback.loses.join("; ")}` : "loses nothing"}`,
    ],
    ["plan", `${plan.id}, attempt ${plan.attempt}`],
  ];
  return rows.flatMap(([name, text]) => row(name, text));
}

/** One row of the summary: a name, and text that is continued below itself. */
export function row(name: string, text: string): string[] {
  return wrap(text).map((line, index) => `${(index === 0 ? name : "").padEnd(9)} ${line}`);
}

/** What rows say, when they are not shown on a terminal: the inverse of `row`. */
export function unwrapped(lines: readonly string[]): [name: string, text: string][] {
  const rows: [string, string][] = [];
  for (const line of lines) {
    const [, name = "", text = ""] = /^(.{9}) (.*)$/.exec(line) ?? [];
    const last = rows.at(-1);
    if (name.trim() === "" && last) last[1] = `${last[1]} ${text}`;
    else rows.push([name.trimEnd(), text]);
  }
  return rows;
}

/** Text in lines of a width; a longer word has a line of its own. */
export function wrap(text: string, width = textWidth): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function describePath({ from, to, path, direction }: Plan): string {
  if (direction === "install") return `nothing -> ${to}: OctoLLM is installed anew`;
  return from === to ? to : `${from} -> ${to} (${path.join(", ")})`;
}

/** What needs `acceptLoss`, and what statements drop on the way up. */
function describeLoss({ loss, revisions }: Plan): string {
  const dropped = [...revisions.pre, ...revisions.post].flatMap((step) =>
    step.hazards
      .filter(({ hazard }) => hazards[hazard].effect === "loses")
      .map(({ hazard, relation }) => `${hazard}${relation === null ? "" : ` of ${relation}`} (${step.revision})`),
  );
  const accepted = loss.kinds.length > 0 ? [`${loss.kinds.join("; ")} (loss id ${loss.id})`] : [];
  return [...accepted, ...dropped].join("; ") || "nothing";
}

/** Services whose port cannot be had by two containers at once are away for a moment, although nothing stops. */
function describeGaps({ deploy, direction }: Plan): string {
  if (direction === "install") return "nothing";
  const gaps = (deploy.deployments ?? []).filter(({ keeps, gap }) => keeps === null && gap !== null);
  const lossy = [...new Set(gaps.map(({ gap }) => gap))].map((why) => {
    const services = gaps.filter(({ gap }) => gap === why).map(({ service }) => service);
    return `${services.join(", ")} (${why ?? ""})`;
  });
  if (lossy.length > 0) return `nothing; while pods are replaced, requests may fail to ${lossy.join(", ")}`;
  const away = (deploy.containers ?? []).filter(({ keeps, port }) => keeps === null && port !== 0);
  if (away.length === 0) return "nothing";
  return `nothing; ${away.map(({ service, port }) => `${service} (port ${port})`).join(", ")} for the moment in which its container is replaced`;
}

function describeStores({ backup: { stores = [] } }: Plan): string[] {
  return stores.length === 0 ? [] : [`${stores.join(", ")} while its volume is archived`];
}

/** What has an image has a line: that makes it long. */
function describeDeployment({ deploy }: Plan): [string, string][] {
  if (!deploy.containers && !deploy.deployments) return [["deploys", deploy.services.join(", ")]];
  return deploy.services.map((service) => ["deploys", service]);
}

function describeEnvironment({ environment, restore }: Plan): string {
  if (restore.backup !== null) return "as in the backup";
  const files = [environment, ...(environment.compose ? [environment.compose] : [])];
  const changed = files.filter(({ lines }) => lines.length > 0);
  return changed.map(({ file, lines }) => `${lines.length} lines of ${file}`).join(", ") || "unchanged";
}

/** What it is about; every step of it is in the plan. */
function describeRestore({ restore }: Plan): [string, string][] {
  if (restore.backup === null) return [];
  const kept = restore.before === null ? "" : `; what it replaces stays as ${restore.before}`;
  return [["restores", `${restore.lines[0] ?? ""}${kept}`]];
}

/** The revisions that make the services stop. */
function causes({ stops }: Plan): string {
  return [...new Set(stops.reasons.map((reason) => reason.split(":")[0]))].join(", ");
}

function describeStep({ revision, direction, transaction }: RevisionStep): string {
  return `${direction === "up" ? "+" : "-"}${revision}${transaction === "batched" ? " (in batches)" : ""}`;
}

/** Why a revision does not go the usual way; the usual reason stands in the plan. */
function describeWhy({ revision, why }: RevisionStep): [string, string][] {
  const unusual = why.filter((reason) => !reason.startsWith("one go: "));
  return unusual.length > 0 ? [["because", `${revision} ${unusual.join("; ")}`]] : [];
}
