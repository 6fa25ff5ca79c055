import { type Alias, isPair, isScalar, type Scalar, visit } from "yaml";

import type { ComposeFile } from "./compose-file";
import { type ComposeEdit, placeOf, type Splice, spliced } from "./edits";
import { interpolate, type Reference, referencesOf, takesRest, type Values } from "./interpolate";
import { entriesOf, keyOf, scalarText } from "./nodes";
import { scalarSource } from "./scalar-source";
import { fillIn } from "./service-environment";

/** A compose file with other images, and what has to be done besides. */
export interface ImagesResult {
  readonly file: ComposeFile;
  readonly edits: readonly ComposeEdit[];
  /** Variables of `.env` through which images are named, with the values that they need: `OCTOLLM_VERSION` -> `1.0.0`. */
  readonly variables: Readonly<Record<string, string>>;
  /** What is left to the operator, a line each. */
  readonly left: readonly string[];
}

/** The place at which the images of some services stand: one line, that several may share by an anchor or `extends`. */
interface ImageNode {
  readonly node: Scalar;
  readonly services: string[];
}

type Outcome =
  | { readonly kind: "same" }
  | { readonly kind: "splice"; readonly splice: Splice }
  | { readonly kind: "variable"; readonly name: string; readonly value: string }
  | { readonly kind: "left"; readonly reason: string };

/**
 * Names other images for services: only the reference's own bytes change. One that comes through a variable of `.env` is
 * not touched here; the caller sets the variable. Made twice, it changes nothing more; with the old references, it gives
 * the old bytes.
 *
 * @param images - the whole reference for each service, by its name in the file; all others keep theirs
 * @param values - the variables of `.env`, expanded
 * @throws ComposeFileError when a service is not there or cannot be read
 */
export function setImages(file: ComposeFile, images: Readonly<Record<string, string>>, values: Values): ImagesResult {
  for (const service of Object.keys(images)) file.service(service);
  const splices: Splice[] = [];
  const edits: ComposeEdit[] = [];
  const left: string[] = [];
  const variables = new Map<string, string>();
  for (const place of imageNodes(file)) {
    const outcome = changeOf(file, place, images, values);
    const names = place.services.join(", ");
    if (outcome.kind === "left") left.push(`${names}: ${outcome.reason}`);
    if (outcome.kind === "splice") {
      splices.push(outcome.splice);
      edits.push(...editsOf(file, place.node, outcome.splice));
    }
    if (outcome.kind !== "variable") continue;
    const { name, value } = outcome;
    const other = variables.get(name);
    if (other === undefined || other === value) variables.set(name, value);
    else
      left.push(
        `${names}: the image takes ${name} of .env, which would have to be ${value} here and ${other} elsewhere`,
      );
  }
  const without = Object.keys(images).filter((service) => imageOf(file, service) === null);
  left.push(...without.map((service) => `${service}: it has no image that could be named, it is only built`));
  const changed = file.withText(spliced(file.text, splices));
  return { file: changed, edits, left, variables: safeVariables(changed, images, { values, variables }, left) };
}

/** Drops variables that would give another image to a service which keeps its own. */
function safeVariables(
  file: ComposeFile,
  images: Readonly<Record<string, string>>,
  { values, variables }: { values: Values; variables: ReadonlyMap<string, string> },
  left: string[],
): Record<string, string> {
  const after = { ...values, ...Object.fromEntries(variables) };
  const safe = new Map(variables);
  for (const { node, services } of imageNodes(file)) {
    const text = scalarText(node) ?? "";
    const [now, then] = [fillIn(file, text, values, node), fillIn(file, text, after, node)];
    const strangers = services.filter((service) => then !== now && images[service] !== then);
    if (strangers.length === 0) continue;
    for (const { name } of referencesOf(text))
      if (safe.delete(name))
        left.push(
          `${strangers.join(", ")}: takes ${name} of .env, too, which the upgrade would have to change for others`,
        );
  }
  return Object.fromEntries(safe);
}

/** The scalar that names a service's image; null when nothing does. */
function imageOf(file: ComposeFile, service: string): Scalar | null {
  const found = file
    .lineage(service)
    .flatMap((map) => entriesOf(file.document, map).filter(({ key }) => key === "image"));
  const node = found.at(-1)?.value;
  return isScalar(node) && scalarText(node) !== null ? node : null;
}

function imageNodes(file: ComposeFile): ImageNode[] {
  const found = new Map<Scalar, ImageNode>();
  for (const service of file.serviceNames()) {
    const node = imageOf(file, service);
    if (node === null) continue;
    const known = found.get(node);
    if (known) known.services.push(service);
    else found.set(node, { node, services: [service] });
  }
  return [...found.values()];
}

function changeOf(
  file: ComposeFile,
  { node, services }: ImageNode,
  images: Readonly<Record<string, string>>,
  values: Values,
): Outcome {
  const wanted = [...new Set(services.flatMap((service) => images[service] ?? []))];
  const [image] = wanted;
  if (image === undefined) return { kind: "same" };
  const text = scalarText(node) ?? "";
  if (fillIn(file, text, values, node) === image && wanted.length === 1) return { kind: "same" };
  const place = placeOf(file.document, node);
  if (wanted.length > 1 || services.some((service) => images[service] === undefined))
    return { kind: "left", reason: `they share one image (${place}), and not all of them move to the same one` };
  const elsewhere = otherUses(file, node);
  if (elsewhere.length > 0)
    return { kind: "left", reason: `the image (${place}) is also used by ${elsewhere.join(", ")}` };
  const references = referencesOf(text);
  if (references.length > 0) return throughVariable(node, references, { text, image, values });
  return replacing(node, image);
}

/** Puts another text into a scalar. */
function replacing(node: Scalar, value: string): Outcome {
  const source = scalarSource(node, value);
  const range = node.range;
  if (source === null || !range) return { kind: "left", reason: `the image spans several lines; write ${value} there` };
  return { kind: "splice", splice: { start: range[0], end: range[1], text: source } };
}

/** The last variable that, with another value, gives the image: the tag's, as a rule. */
function throughVariable(
  node: Scalar,
  references: readonly Reference[],
  { text, image, values }: { text: string; image: string; values: Values },
): Outcome {
  for (const reference of references.toReversed()) {
    const { name, operator, rest, start, end } = reference;
    const [before, after] = [interpolate(text.slice(0, start), values), interpolate(text.slice(end), values)];
    if (!image.startsWith(before) || !image.endsWith(after) || operator.endsWith("+")) continue;
    const value = image.slice(before.length, image.length - after.length);
    if (value === "" || value.includes("/") || value.includes("$")) continue;
    if (!takesRest(reference, values) && Object.hasOwn(values, name)) return { kind: "variable", name, value };
    // .env does not set it: then the default is the tag that counts.
    if (operator.endsWith("-") && !rest.includes("$"))
      return replacing(
        node,
        text.slice(0, reference.restStart) + value + text.slice(reference.restStart + rest.length),
      );
  }
  const names = references.map(({ name }) => name).join(", ");
  return {
    kind: "left",
    reason: `the image takes ${names} of .env, and no one of them that is set there makes it ${image}`,
  };
}

/** Where else the scalar's anchor is used, but for images. */
function otherUses(file: ComposeFile, node: Scalar): string[] {
  const found: string[] = [];
  visit(file.document, {
    Alias(key, alias: Alias, path) {
      const pair = path.at(-1);
      const isImage = key === "value" && isPair(pair) && isScalar(pair.key) && keyOf(pair.key) === "image";
      if (!isImage && alias.resolve(file.document) === node) found.push(placeOf(file.document, alias));
    },
  });
  return found;
}

function editsOf(file: ComposeFile, node: Scalar, splice: Splice): ComposeEdit[] {
  const keys = placeOf(file.document, node).split(".");
  const edit = (sign: ComposeEdit["sign"], raw: string): ComposeEdit => ({
    place: keys.slice(0, -1).join(".") || "the file",
    sign,
    mark: "",
    key: keys.at(-1) ?? "image",
    head: `${keys.at(-1) ?? "image"}: `,
    raw,
    close: "",
    ending: null,
  });
  return [edit("-", file.text.slice(splice.start, splice.end)), edit("+", splice.text)];
}
