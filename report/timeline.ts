import type { Bar, Timeline } from "./document";
import type { AttemptFacts, PhaseSpan } from "./facts";

type Course = Pick<AttemptFacts, "startedAt" | "endedAt" | "phases" | "outages" | "plan">;

/** The course of an attempt on an axis that begins with it. What never ended is drawn to the attempt's end. */
export function timelineOf(course: Course): Timeline {
  const { startedAt, endedAt, outages } = course;
  const total = Math.max(endedAt - startedAt, 1);
  // A clock that was set back in between must not draw a bar outside the axis.
  const place = (at: number) => Math.min(Math.max(at - startedAt, 0), total);
  const bars = withDeployment(course.phases).map((span, index, spans): Bar => {
    const start = place(span.startedAt);
    return {
      name: labelOf(span, spans.slice(0, index)),
      start,
      end: Math.max(place(span.endedAt ?? endedAt), start),
      tone: span.fate === "done" ? "good" : "bad",
      remark: span.fate === "done" ? idleRemark(span, course) : span.fate,
    };
  });
  return {
    total,
    bars,
    outages: outages.map(({ from, to }) => ({ start: place(from), end: Math.max(place(to ?? endedAt), place(from)) })),
  };
}

/** What starts the services is no phase of the ledger: it is what lies between `.env` and Resume. */
function withDeployment(phases: readonly PhaseSpan[]): PhaseSpan[] {
  return phases.flatMap((span, index) => {
    const before = phases[index - 1];
    if (span.name !== "Resume" || before?.name !== "Environment" || before.endedAt === null) return [span];
    return [{ name: "Deployment", startedAt: before.endedAt, endedAt: span.startedAt, fate: "done" }, span];
  });
}

function labelOf({ name }: PhaseSpan, earlier: readonly PhaseSpan[]): string {
  if (name !== "SchemaMigration") return name;
  return earlier.some((span) => span.name === "Verification") ? "SchemaMigration (post)" : "SchemaMigration (pre)";
}

/** Phases of which the plan asks nothing run all the same, so that a retry never skips one. */
function idleRemark({ name, startedAt }: PhaseSpan, { plan, phases }: Course): string {
  if (plan === null) return "";
  const verified = phases.find((span) => span.name === "Verification");
  const isPost = verified !== undefined && startedAt > verified.startedAt;
  const works: Readonly<Record<string, boolean>> = {
    Quiesce: plan.stops.services.length > 0,
    Backup: plan.backup.required,
    Restore: plan.restore.backup !== null,
    SchemaMigration: (isPost ? plan.revisions.post : plan.revisions.pre).length > 0,
    Environment: plan.environment.lines.length + (plan.environment.compose?.lines.length ?? 0) > 0,
  };
  return works[name] === false ? "nothing to do" : "";
}

/** A phase and what there is to say of it. */
export function barName({ name, remark }: Pick<Bar, "name" | "remark">): string {
  return remark === "" ? name : `${name} · ${remark}`;
}

/** How long services were down altogether, in milliseconds. */
export function downtime({ outages }: Timeline): number {
  return outages.reduce((sum, { start, end }) => sum + (end - start), 0);
}

const steps = [100, 200, 500, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 900e3, 1.8e6, 3.6e6];

/** Places of the axis that are written on it, at most six, in milliseconds; 0 is the first. */
export function ticks(total: number): { readonly at: number; readonly label: string }[] {
  const step = steps.find((candidate) => total / candidate <= 5) ?? Math.ceil(total / 5 / 3.6e6) * 3.6e6;
  const places = Array.from({ length: Math.floor(total / step) + 1 }, (_, index) => index * step);
  return places.map((at) => ({ at, label: tickLabel(at, step) }));
}

function tickLabel(at: number, step: number): string {
  if (step < 1e3) return `${(at / 1e3).toFixed(1)} s`;
  if (step < 60e3) return `${at / 1e3} s`;
  if (step < 3.6e6) return `${at / 60e3} min`;
  return `${at / 3.6e6} h`;
}
