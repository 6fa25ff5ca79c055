import type { EngineEvent, StepMetadata } from "../deploy/events";
import { parseUrn, stackType } from "../state/urn";
import { failedTense, inProgress, type Painter, painter, pastTense, prefixOf, type Terminal } from "./colours";
import { hasMoved } from "./diff-view";
import { shortDiff } from "./progress-view";
import { isDefaultProvider } from "./recorder";

const redrawEvery = 100;
const eraseBelow = "\u001B[0J";
const cursorUp = (lines: number): string => (lines > 0 ? `\u001B[${lines}A\r` : "\r");

/** One resource of the tree. */
interface Row {
  step: StepMetadata;
  started: number;
  /** Undefined while it runs. */
  seconds: number | undefined;
  failed: boolean;
  /** The provider's latest word, for as long as the step runs. */
  message: string;
}

/** A tree of what runs and of what was changed, drawn over itself on a terminal. */
export class TreeView {
  readonly #terminal: Terminal;
  readonly #paint: Painter;
  readonly #preview: boolean;
  readonly #rows = new Map<string, Row>();
  readonly #timer: NodeJS.Timeout;
  #drawn = 0;
  #closed = false;

  constructor(terminal: Terminal, preview: boolean) {
    this.#terminal = terminal;
    this.#paint = painter(terminal.colours);
    this.#preview = preview;
    this.#timer = setInterval(() => this.#drawWithinTheTerminal(), redrawEvery).unref();
  }

  show(event: EngineEvent): void {
    if (event.kind === "diagnostic") {
      const row = this.#rows.get(event.diagnostic.urn);
      if (row && event.diagnostic.ephemeral) row.message = event.diagnostic.message.trim().split("\n").pop() ?? "";
      return;
    }
    if (event.kind === "outputs" || isDefaultProvider(event.step)) return;
    const { step } = event;
    const old = this.#rows.get(step.urn);
    // The end of a replacement is told by its last part; a mark that comes after it says nothing new.
    if (step.op === "replace" && old) return;
    if (event.kind === "step-started") {
      this.#rows.set(step.urn, { step, started: performance.now(), seconds: undefined, failed: false, message: "" });
    } else if (old) {
      Object.assign(old, { step, seconds: event.seconds, failed: event.kind === "step-failed", message: "" });
    }
  }

  /** A line that stays, above the tree. */
  print(line: string): void {
    this.#terminal.write(`${cursorUp(this.#drawn)}${eraseBelow}${line}\n`);
    this.#drawn = 0;
    if (this.#rows.size > 0) this.#drawWithinTheTerminal();
  }

  /** Draws the tree a last time, whole, and leaves it on the terminal. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#draw(Infinity);
  }

  #drawWithinTheTerminal(): void {
    this.#draw(Math.max(4, this.#terminal.rows - 2));
  }

  #draw(most: number): void {
    const lines = this.#lines();
    const shown = lines.length > most ? [...lines.slice(0, most - 1), `    (${lines.length - most + 1} more)`] : lines;
    const text = shown.map((line) => `${line}\n`).join("");
    this.#terminal.write(`${cursorUp(this.#drawn)}${eraseBelow}${text}`);
    this.#drawn = shown.length;
  }

  #isWorthARow({ step, seconds, failed }: Row): boolean {
    if (failed || step.type === stackType) return true;
    if (step.op === "refresh") return seconds === undefined || hasMoved(step);
    return step.op !== "same" && (seconds === undefined || step.op !== "read");
  }

  /** The rows that are worth it and what they stand under. */
  #lines(): string[] {
    const wanted = new Set<string>();
    const children = new Map<string, string[]>();
    for (const row of this.#rows.values()) {
      if (!this.#isWorthARow(row)) continue;
      for (let urn = row.step.urn; this.#rows.has(urn) && !wanted.has(urn); urn = this.#parentOf(urn)) wanted.add(urn);
    }
    for (const urn of wanted) {
      const parent = this.#parentOf(urn);
      const key = wanted.has(parent) ? parent : "";
      children.set(key, [...(children.get(key) ?? []), urn]);
    }
    return this.#under("", children, "", true);
  }

  #parentOf(urn: string): string {
    const step = this.#rows.get(urn)?.step;
    return (step?.new ?? step?.old)?.parent ?? "";
  }

  #under(parent: string, children: ReadonlyMap<string, string[]>, indent: string, isTop: boolean): string[] {
    const urns = children.get(parent) ?? [];
    return urns.flatMap((urn, index) => {
      const isLast = index === urns.length - 1;
      const branch = isTop ? "" : `${indent}${isLast ? "└─ " : "├─ "}`;
      const deeper = isTop ? "" : `${indent}${isLast ? "   " : "│  "}`;
      const inner = this.#under(urn, children, deeper, false);
      const below = `${deeper}${inner.length > 0 ? "│  " : "   "}`;
      return [...this.#rowLines(this.#rows.get(urn) as Row, branch, below), ...inner];
    });
  }

  #rowLines(row: Row, branch: string, below: string): string[] {
    const { step, message } = row;
    const { type, name } = parseUrn(step.urn);
    const status = this.#statusOf(row);
    const diff = shortDiff(step);
    const text = ` ${prefixOf(step.op)} ${branch}${type.replace(":index:", ":")} ${name}`;
    const end = status ? `  ${status}` : "";
    const line = this.#fitted(`${this.#fitted(text, end.length)}${end}${diff ? `  ${diff}` : ""}`);
    const painted = row.failed ? this.#paint("error", line) : this.#paint(step.op, line);
    return message === "" ? [painted] : [painted, this.#paint("faint", this.#fitted(`    ${below}${message}`))];
  }

  #statusOf({ step, started, seconds, failed }: Row): string {
    const { op } = step;
    if (step.type === stackType && !this.#closed) return "running";
    if (failed) return `**${failedTense(op)}**`;
    if (op === "same") return seconds === undefined ? "..." : "";
    if (step.refreshed && !step.new) return "is gone";
    if (this.#preview) return seconds === undefined ? "..." : op;
    if (seconds === undefined) return `${inProgress(op)} (${Math.floor((performance.now() - started) / 1000)}s)`;
    return `${pastTense(op)} (${seconds.toFixed(2)}s)`;
  }

  /** The line without what has no room on the terminal, when so many columns are needed for something else. */
  #fitted(line: string, needed = 0): string {
    const characters = [...line];
    const most = this.#terminal.columns - 1 - needed;
    return characters.length <= most ? line : `${characters.slice(0, most - 1).join("")}…`;
  }
}
