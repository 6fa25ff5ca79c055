import { revisionIndex } from "../planner/chain";
import type { Catalogue } from "../releases/release";

export type Way = "upgrade" | "downgrade";

/** A target that names no revision of the way; nothing was touched. */
export class TargetError extends Error {
  constructor(message: string) {
    super(`${message} Nothing was touched.`);
    this.name = "TargetError";
  }
}

/**
 * The place in the chain that a target in Alembic's words means: `head`, `base`, a revision or the beginning of one, `+1`,
 * `-1`, or `<revision>+1`.
 *
 * @param stand - `here`: where the database is, -1 for the empty one; `start`: from where `+1` and `-1` count, which is not
 *   here when a run that was killed is taken up again
 * @returns the place; -1 for the empty database
 * @throws TargetError with what can be asked for
 */
export function resolveTarget(
  catalogue: Catalogue,
  way: Way,
  target: string,
  { here, start }: { readonly here: number; readonly start: number },
): number {
  const [, name = "", sign = "", count = ""] = /^(.*?)(?:([+-])(\d+))?$/.exec(target) ?? [];
  const from = name === "" && sign !== "" ? start : findPlace(catalogue, name);
  const place = sign === "" ? from : from + (sign === "+" ? 1 : -1) * Number(count);
  if (sign !== "") judgeRelative(catalogue, { target, from, place, way });
  judgeDirection(catalogue, { way, here, place, target });
  return place;
}

function findPlace(catalogue: Catalogue, name: string): number {
  const { chain } = catalogue;
  if (name === "head" || name === "heads") return chain.length - 1;
  if (name === "base") return -1;
  const exact = name === "" ? undefined : revisionIndex(catalogue, name);
  if (exact !== undefined) return exact;
  const close = chain.filter(({ revision }) => name !== "" && revision.startsWith(name));
  if (close.length > 1)
    throw new TargetError(
      `'${name}' is the beginning of ${close.length} revisions: ${close.map(({ revision }) => revision).join(", ")}. Say more of it.`,
    );
  const [only] = close;
  if (only) return chain.indexOf(only);
  throw new TargetError(`There is no revision '${name}'. The catalogue has: ${list(chain)}, head, base.`);
}

function list(chain: Catalogue["chain"]): string {
  return chain.map(({ revision }) => revision).join(", ");
}

interface Relative {
  readonly target: string;
  readonly from: number;
  readonly place: number;
  readonly way: Way;
}

function judgeRelative({ chain }: Catalogue, { target, from, place }: Relative): void {
  if (place >= -1 && place < chain.length) return;
  const start = nameOf(chain, from);
  const [count, word, end] =
    place < 0
      ? [from + 1, "before", "the empty database"]
      : [chain.length - 1 - from, "after", nameOf(chain, chain.length - 1)];
  throw new TargetError(
    `'${target}' leads beyond ${end}: ${count === 0 ? "no revision comes" : count === 1 ? "only 1 revision comes" : `only ${count} revisions come`} ${word} ${start}.`,
  );
}

/** A revision for people; the empty database has a name too. */
export function nameOf(chain: Catalogue["chain"], place: number): string {
  return chain[place]?.revision ?? "the empty database";
}

interface Directed {
  readonly way: Way;
  readonly here: number;
  readonly place: number;
  readonly target: string;
}

/** Alembic does nothing, or something else, where the target lies in the other direction. */
function judgeDirection({ chain }: Catalogue, { way, here, place, target }: Directed): void {
  const isRight = way === "upgrade" ? place >= here : place <= here;
  if (isRight) return;
  const other = way === "upgrade" ? "downgrade" : "upgrade";
  const word = way === "upgrade" ? "before" : "after";
  throw new TargetError(
    `The database is at ${nameOf(chain, here)}, and '${target}' lies ${word} it. To go there: ` +
      `octollm migrate ${other} ${chain[place]?.revision ?? "base"}.`,
  );
}
