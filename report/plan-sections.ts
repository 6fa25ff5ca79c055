import type { Plan, RevisionStep } from "../planner/plan";
import { type Block, type CodeBlock, type ListBlock, type Section, section, type TextBlock } from "./document";

/** Every step of a plan, in the order in which it is done. */
export function stepsOf(plan: Plan | null): RevisionStep[] {
  return plan === null ? [] : [...plan.revisions.pre, ...plan.revisions.post];
}

/** `0.1.0 → 1.0.0`, or the one release that it is about. */
export function way({ from, to }: { readonly from: string; readonly to: string }): string {
  return from === to ? to : `${from} → ${to}`;
}

/** A paragraph. */
export function text(words: string, tone?: TextBlock["tone"]): TextBlock {
  return tone === undefined ? { kind: "text", text: words } : { kind: "text", text: words, tone };
}

/** A list; null when there is nothing to list. */
export function list(items: readonly string[]): ListBlock | null {
  return items.length > 0 ? { kind: "list", items } : null;
}

/** The releases on the way and what they break. */
export function pathSection(plan: Plan): Section[] {
  const { path, breaks } = plan;
  const releases = path.length > 0 ? path : [plan.to];
  return section(
    "Path",
    list([`from ${plan.from}`, ...releases]),
    breaks.length > 0 ? text("This breaks for clients:", "warn") : null,
    list(breaks),
  );
}

/** The lines of `.env`, or of what stands for it, and of the compose file that change, secrets masked as in the plan. */
export function environmentSection({ environment }: Plan): Section[] {
  const { compose } = environment;
  const own = environment.lines.length === 0 ? [] : section(environment.file, diffOf(environment, environment.file));
  if (!compose || compose.lines.length + compose.left.length === 0) return own;
  const left = compose.left.length > 0 ? [text("Left for you:", "warn"), list(compose.left)] : [];
  const lines = compose.lines.length > 0 ? diffOf(compose, "docker-compose.yml") : null;
  return [...own, ...section("docker-compose.yml", lines, ...left)];
}

/** @param usual - the name that needs no caption */
function diffOf(
  { file, lines }: { readonly file: string; readonly lines: readonly string[] },
  usual: string,
): CodeBlock {
  return { kind: "code", language: "diff", ...(file === usual ? {} : { caption: file }), lines };
}

/** How to undo it, and what that loses. */
export function wayBackSection({ rollback }: Plan): Section[] {
  const { steps, loses } = rollback;
  const losses: Block[] =
    loses.length > 0 ? [text("It loses:", "warn"), { kind: "list", items: loses }] : [text("It loses nothing.")];
  return section("The way back", text(`Class: ${rollback.class}.`), list(steps), ...losses);
}

/** The SQL of every step. */
export function sqlBlocks(plan: Plan | null): CodeBlock[] {
  return stepsOf(plan).map(({ revision, direction, title, transaction, sql }) => ({
    kind: "code",
    language: "sql",
    caption: `${direction === "up" ? "+" : "-"}${revision} ${title} (${transaction === "none" ? "each statement by itself" : "one transaction"})`,
    lines: sql,
    long: true,
  }));
}
