/** Values that a compose file's `$NAME` stand for: those of `.env`. */
export type Values = Readonly<Record<string, string>>;

/** A text of a compose file cannot be filled in; `reason` says why, without a value. */
export class InterpolationError extends Error {
  readonly reason: string;

  constructor(reason: string) {
    super(reason);
    this.reason = reason;
    this.name = "InterpolationError";
  }
}

/** One `$NAME` or `${NAME...}` of a text, by its place in it. */
export interface Reference {
  readonly name: string;
  /** `:-`, `-`, `:?`, `?`, `:+`, `+`, or empty. */
  readonly operator: string;
  /** What stands behind the operator: a default, a message or a replacement, itself with references. */
  readonly rest: string;
  readonly start: number;
  /** Where the name begins, and where the rest does. */
  readonly nameStart: number;
  readonly restStart: number;
  readonly end: number;
}

const head = /\$(?:(\$)|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(:?[-?+])?)/y;

/** Position of the brace that closes the one before `from`, or -1. */
function closingBrace(text: string, from: number): number {
  let open = 1;
  for (let at = from; at < text.length; at++) {
    if (text.startsWith("${", at)) open++;
    else if (text[at] === "}" && --open === 0) return at;
  }
  return -1;
}

type Part = { readonly kind: "text"; readonly text: string } | ({ readonly kind: "reference" } & Reference);

function partAt(text: string, start: number): { part: Part; end: number } {
  head.lastIndex = start;
  const [all = "", escaped, bare, braced, operator = ""] = head.exec(text) ?? [];
  if (escaped) return { part: { kind: "text", text: "$" }, end: start + 2 };
  const name = bare ?? braced;
  if (name === undefined)
    throw new InterpolationError("holds a '$' that begins no variable; one that is meant so is written '$$'");
  const behind = start + all.length;
  const closing = bare === undefined ? closingBrace(text, behind) : behind;
  if (closing < 0 || (operator === "" && closing !== behind))
    throw new InterpolationError(`holds a reference to ${name} that compose cannot read`);
  const end = bare === undefined ? closing + 1 : closing;
  const rest = text.slice(behind, closing);
  const nameStart = start + (bare === undefined ? 2 : 1);
  return { part: { kind: "reference", name, operator, rest, start, nameStart, restStart: behind, end }, end };
}

function partsOf(text: string): Part[] {
  const parts: Part[] = [];
  for (let at = 0; at < text.length;) {
    const dollar = text.indexOf("$", at);
    const end = dollar < 0 ? text.length : dollar;
    if (end > at) parts.push({ kind: "text", text: text.slice(at, end) });
    if (dollar < 0) break;
    const next = partAt(text, dollar);
    parts.push(next.part);
    at = next.end;
  }
  return parts;
}

/**
 * The references of a text, in order; those inside of another one's default are not listed, but are part of its `rest`.
 *
 * @throws InterpolationError when compose would refuse the text
 */
export function referencesOf(text: string): Reference[] {
  return partsOf(text).flatMap((part) => (part.kind === "reference" ? [part] : []));
}

/** The names of a text's variables, those inside of defaults, too. */
export function namesIn(text: string): string[] {
  return referencesOf(text).flatMap(({ name, operator, rest }) => [
    name,
    ...(/[-+]$/.test(operator) ? namesIn(rest) : []),
  ]);
}

/** Whether a reference's `rest` is what counts, with these values. */
export function takesRest({ name, operator }: Pick<Reference, "name" | "operator">, values: Values): boolean {
  const value = Object.hasOwn(values, name) ? values[name] : undefined;
  const isSet = operator.startsWith(":") ? Boolean(value) : value !== undefined;
  return operator.endsWith("+") ? isSet : operator !== "" && !isSet;
}

/**
 * A text with its variables filled in as docker compose does: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`,
 * `${NAME:?message}`, `${NAME?message}`, `${NAME:+other}`, `${NAME+other}`, nested ones too, and `$$` for a dollar. What
 * is not set is empty.
 *
 * @throws InterpolationError when compose would refuse the text, or a value that it requires is missing
 */
export function interpolate(text: string, values: Values): string {
  return partsOf(text)
    .map((part) => (part.kind === "text" ? part.text : valueOf(part, values)))
    .join("");
}

function valueOf(reference: Reference, values: Values): string {
  const { name, operator, rest } = reference;
  if (takesRest(reference, values)) {
    if (operator.endsWith("?")) throw new InterpolationError(`needs ${name}, which .env does not set`);
    return interpolate(rest, values);
  }
  if (operator.endsWith("+")) return "";
  return Object.hasOwn(values, name) ? (values[name] ?? "") : "";
}
