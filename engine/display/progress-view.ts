import type { Diagnostic, EngineEvent, StepMetadata, StepOp } from "../deploy/events";
import { diffObjects } from "../property/diff";
import { parsePath } from "../property/path";
import { parseUrn, stackType } from "../state/urn";
import { failedTense, inProgress, type Painter, painter, pastTense, prefixOf, type Terminal } from "./colours";
import { hasMoved } from "./diff-view";
import { isDefaultProvider } from "./recorder";

const progressEvery = 1_000;

/** Nothing happens to these resources outside the state. */
const quiet = new Set<StepOp>(["same", "read", "read-replacement", "discard", "discard-replaced"]);

/** Plain lines: one when a step starts, one when it ends, and the provider's progress in between. */
export class ProgressView {
  readonly #terminal: Terminal;
  readonly #paint: Painter;
  readonly #preview: boolean;
  readonly #shownAt = new Map<string, number>();
  readonly #last = new Map<string, string>();

  constructor(terminal: Terminal, preview: boolean) {
    this.#terminal = terminal;
    this.#paint = painter(terminal.colours);
    this.#preview = preview;
  }

  show(event: EngineEvent): void {
    if (event.kind === "diagnostic") {
      if (event.diagnostic.ephemeral) this.#progress(event.diagnostic);
      return;
    }
    if (event.kind === "outputs" || isDefaultProvider(event.step)) return;
    const { step } = event;
    if (step.op === "refresh" && event.kind !== "step-failed" && !hasMoved(step)) return;
    if (event.kind === "step-failed") this.#line(step, `**${failedTense(step.op)}**`, event.seconds);
    else if (step.refreshed && !step.new) this.#line({ ...step, op: "delete" }, "is gone");
    else if (quiet.has(step.op) || (this.#preview && !step.logical && !step.refreshed)) return;
    else if (event.kind === "step-started") {
      if (!this.#preview && step.op !== "replace") this.#line(step, inProgress(step.op));
    } else if (this.#preview) this.#line(step, step.op);
    else this.#line(step, pastTense(step.op), event.seconds);
  }

  /** Lines stay where they are. */
  close(): void {
    this.#last.clear();
  }

  #line(step: StepMetadata, status: string, seconds?: number): void {
    const { name } = parseUrn(step.urn);
    const time = seconds === undefined || this.#preview ? "" : ` (${seconds.toFixed(2)}s)`;
    const diff = shortDiff(step);
    const details = diff ? ` ${diff}` : "";
    this.#terminal.write(
      `${this.#paint(step.op, ` ${prefixOf(step.op)} ${step.type} ${name} ${status}`)}${time}${details}\n`,
    );
  }

  /** The first line at once, then at most one a second for each resource. */
  #progress({ urn, message }: Diagnostic): void {
    const now = Date.now();
    const text = message.trimEnd();
    if (now - (this.#shownAt.get(urn) ?? 0) < progressEvery || text === "" || this.#last.get(urn) === text) return;
    this.#shownAt.set(urn, now);
    this.#last.set(urn, text);
    const name = urn ? `${parseUrn(urn).name}: ` : "";
    const indented = text.split("\n").map((line) => `        ${line}`);
    this.#terminal.write(`${this.#paint("faint", `    ${name}${indented.join("\n").trimStart()}`)}\n`);
  }
}

/** `[diff: +added,-removed~changed]`: the top-level properties that change. */
export function shortDiff(step: StepMetadata): string {
  if (!step.old || !step.new || step.type === stackType || step.op === "same") return "";
  const keys = { "+": new Set<string>(), "-": new Set<string>(), "~": new Set<string>() };
  if (step.detailedDiff && Object.keys(step.detailedDiff).length > 0) {
    for (const [path, { kind }] of Object.entries(step.detailedDiff)) {
      const parsed = parsePath(path) ?? [path];
      const mark = parsed.length > 1 ? "~" : kind.startsWith("add") ? "+" : kind.startsWith("delete") ? "-" : "~";
      keys[mark].add(String(parsed[0]));
    }
  } else {
    const diff = diffObjects(step.old.inputs ?? {}, step.new.inputs ?? {});
    const shown = (key: string): boolean =>
      !step.diffs?.length || step.diffs.some((path) => (parsePath(path) ?? [path])[0] === key);
    Object.keys(diff?.adds ?? {})
      .filter(shown)
      .forEach((key) => keys["+"].add(key));
    Object.keys(diff?.deletes ?? {})
      .filter(shown)
      .forEach((key) => keys["-"].add(key));
    Object.keys(diff?.updates ?? {})
      .filter(shown)
      .forEach((key) => keys["~"].add(key));
  }
  const parts = (["+", "-", "~"] as const).flatMap((mark) =>
    keys[mark].size > 0 ? [mark + [...keys[mark]].sort().join(",")] : [],
  );
  return parts.length > 0 ? `[diff: ${parts.join("")}]` : "";
}
