import fs from "node:fs";

import type { TestProject } from "../support/project";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
/** A resource of a state, a step of a preview, or a call of the provider. */
export type Resource = Record<string, Json>;

const signature = "4dabf18193072939515e22adb298388d";
const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const shortUrn = /urn:pulumi:dev::probe::/g;
const unimportant = new Set(["created", "modified", "sourcePosition", "stackTrace"]);
const sets = new Set(["dependencies", "diffReasons", "replaceReasons", "ignoreChanges"]);

/** Text without what is never the same twice: random ids, ciphertexts, the stack's own part of a URN. */
function plainText(text: string): string {
  return text
    .replace(shortUrn, "")
    .replaceAll("demo:index:Thing::", "")
    .replaceAll("pulumi:pulumi:Stack::probe-dev", "(stack)")
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, (id) =>
      id === unknown ? "(unknown)" : "(uuid)",
    )
    .replaceAll("pulumi:providers:demo::default::(uuid)", "(default)")
    .replace(/\b([a-z-]+(?:\.[a-z-]+)?)-[0-9a-f]{6}\b/g, "$1-(id)");
}

/** A value of a state, a preview or a call in a short form that both engines' values have when they mean the same. */
export function plain(value: Json, key = ""): Json {
  if (typeof value === "string") return plainText(value);
  // The Pulumi CLI writes -0, which JSON.stringify, and so the recordings, do not have.
  if (value === 0) return 0;
  if (Array.isArray(value)) {
    const items = value.map((item) => plain(item));
    return sets.has(key) ? items.sort() : items;
  }
  if (typeof value !== "object" || value === null) return value;
  if (value[signature] === "1b47061264138c4ac30d75fd1eb44270") return { secret: plain(value.value ?? "(ciphertext)") };
  const inner = key === "propertyDependencies" ? "dependencies" : "";
  const entries = Object.entries(value).filter(([name]) => !unimportant.has(name));
  return Object.fromEntries(
    entries
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([name, item]) => [plainText(name), plain(item, inner || name)]),
  );
}

/** An order that does not depend on when things happened. */
export const byText = (left: Json, right: Json): number => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1);

/** The name of a resource by its URN, whole or shortened. */
export const nameOf = (urn: string): string => urn.slice(urn.lastIndexOf("::") + (urn.includes("::") ? 2 : 1));

/** What most resources have is left out, so that the rest is seen. */
const usual: Resource = { custom: true, type: "demo:index:Thing", parent: "(stack)", provider: "(default)" };

function unusual(resource: Resource): Resource {
  return Object.fromEntries(Object.entries(resource).filter(([key, value]) => usual[key] !== value));
}

/** The resources of the state in an order of their own, each with whether its times say that it is new or was changed. */
export function stateOf(
  project: TestProject,
  before: ReadonlyMap<string, Resource>,
): { state: Resource[]; raw: Map<string, Resource> } {
  const raw = project.resources() as Resource[];
  const state = raw.map((resource) => {
    const old = before.get(resource.urn as string);
    const times =
      !old || old.created !== resource.created ? "new" : old.modified === resource.modified ? "kept" : "changed";
    return { ...unusual(plain(resource) as Resource), ...(times === "kept" ? {} : { times }) };
  });
  return { state: state.sort(byText), raw: new Map(raw.map((resource) => [resource.urn as string, resource])) };
}

/** What the provider was asked since the last time. */
export function callsOf(project: TestProject): Resource[] {
  const file = project.file("trace.log");
  if (!fs.existsSync(file)) return [];
  const lines = fs.readFileSync(file, "utf8").trim().split("\n");
  fs.rmSync(file);
  return lines.map((line) => plain(JSON.parse(line) as Json) as Resource);
}

/** The steps of `preview --json` with what other tools read of them, and their keys. */
export function stepsOf(output: string): { steps: Resource[]; changes: Json; diagnostics: Json } {
  const { steps, changeSummary, diagnostics } = JSON.parse(output) as Record<string, Json>;
  const shown = (steps as Resource[]).map(({ newState, oldState, ...step }) => {
    const next = newState as Resource | undefined;
    return unusual(
      plain({
        ...step,
        keys: [
          Object.keys(step),
          oldState ? "old" : "",
          next
            ? Object.keys(next)
                .filter((key) => !unimportant.has(key))
                .sort()
            : "",
        ]
          .flat()
          .join(" "),
        ...(next ? { inputs: next.inputs ?? null, outputs: next.outputs ?? null } : {}),
      }) as Resource,
    );
  });
  return { steps: shown, changes: changeSummary ?? null, diagnostics: plain(diagnostics ?? []) };
}
