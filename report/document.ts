/** A report before it is written as HTML or Markdown. All texts are plain: nothing in them is markup. */
export interface ReportDocument {
  readonly title: string;
  readonly status: { readonly word: string; readonly tone: Tone };
  /** One or two sentences: what the reader wants to know first. */
  readonly lead: string;
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly sections: readonly Section[];
  readonly footer: string;
}

export type Tone = "good" | "bad" | "warn" | "plain";

export interface Section {
  readonly title: string;
  readonly blocks: readonly Block[];
}

export type Block = TextBlock | ListBlock | TableBlock | CodeBlock | TimelineBlock;

export interface TextBlock {
  readonly kind: "text";
  readonly text: string;
  readonly tone?: Tone;
}

export interface ListBlock {
  readonly kind: "list";
  readonly items: readonly string[];
}

export interface TableBlock {
  readonly kind: "table";
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
}

export interface Column {
  readonly title: string;
  readonly align?: "right";
}

export type Cell = string | { readonly text: string; readonly tone: Tone };

/** Lines that are shown as they are: SQL, a diff, what a terminal showed. */
export interface CodeBlock {
  readonly kind: "code";
  readonly language: "sql" | "diff" | "text";
  readonly lines: readonly string[];
  /** What the lines are, above them. */
  readonly caption?: string;
  /** Left out where space is short. */
  readonly long?: boolean;
}

export interface TimelineBlock {
  readonly kind: "timeline";
  readonly timeline: Timeline;
}

/** Phases and downtime on one axis that begins at 0. Times in milliseconds. */
export interface Timeline {
  readonly total: number;
  readonly bars: readonly Bar[];
  readonly outages: readonly Stretch[];
}

export interface Stretch {
  readonly start: number;
  readonly end: number;
}

export interface Bar extends Stretch {
  readonly name: string;
  readonly tone: Tone;
  /** How it ended, where that is not plain. */
  readonly remark: string;
}

/** The words of a cell. */
export function textOf(cell: Cell): string {
  return typeof cell === "string" ? cell : cell.text;
}

/** A section, unless it would be empty. */
export function section(title: string, ...blocks: readonly (Block | null)[]): Section[] {
  const present = blocks.filter((block) => block !== null);
  return present.length > 0 ? [{ title, blocks: present }] : [];
}
