import type { z } from "zod";

type Schema = z.core.JSONSchema.BaseSchema;

/** What Pulumi.yaml says of a key. */
export interface DeclaredKey {
  readonly type: string;
  readonly default?: unknown;
  readonly description: string;
}

const head = `# Settings

<!-- Written by \`npm run docs\` from Pulumi.yaml and settings/; a test fails when it is not as they are. -->

A stack's settings stand in \`Pulumi.<stack>.yaml\`, each key with \`octollm:\` before it. \`octollm config set <key> <value>\` writes them,
\`--path\` reaches into a structured one (\`octollm config set --path backup.jobs 4\`), and an editor does as well. Only \`version\` and \`target\`
have to be set, and \`services\`. Preview refuses unknown keys and values of the wrong kind, all at once.
Paths are relative to the installation, that of the installation itself and of \`catalogue\` to Pulumi.yaml. Times are in seconds.
\`Pulumi.dev.yaml\`, \`Pulumi.staging.yaml\` and \`Pulumi.prod.yaml\` are annotated examples.
`;

/**
 * The reference of all settings, as Markdown.
 *
 * @param declared - the keys of Pulumi.yaml, in its order
 * @param schemas - JSON Schema of the settings, by target
 * @param secrets - the keys that must be kept as secrets
 * @throws when a key has no description or no example
 */
export function settingsPage(
  declared: Readonly<Record<string, DeclaredKey>>,
  schemas: Readonly<Record<string, Schema>>,
  secrets: readonly string[],
): string {
  const sections = Object.entries(declared).map(([key, about]) => {
    const secret = secrets.includes(key)
      ? " Has to be set with `--secret`, which keeps it encrypted in the stack's file."
      : "";
    const description = about.description.replace(/ docs\/settings\.md has the keys.*\.$/, "").replaceAll("<", "\\<");
    return `## ${key}\n\n${description}${secret}\n\n${keyTables(key, schemas)}`;
  });
  return [head, ...sections].join("\n");
}

/** One table, or several where targets have other keys. */
function keyTables(key: string, schemas: Readonly<Record<string, Schema>>): string {
  const tables = Object.entries(schemas).map(([target, schema]) => {
    return { target, table: keyTable(key, propertiesOf(schema)[key]) };
  });
  const different = [...new Set(tables.map(({ table }) => table))];
  if (different.length === 1) return different.join("");
  const named = different.map((table) => {
    const targets = tables.filter((other) => other.table === table).map(({ target }) => `\`${target}\``);
    return `With target ${targets.join(" or ")}:\n\n${table}`;
  });
  return named.join("\n");
}

function keyTable(key: string, schema: Schema | undefined): string {
  if (!schema) throw new Error(`the setting '${key}' stands in Pulumi.yaml and not in settings/schema.ts`);
  const rows = rowsBelow(key, schema);
  if (rows.length > 0) return ["| key | type | default | example | |", "|---|---|---|---|---|", ...rows, ""].join("\n");
  return [
    "| type | default | example |",
    "|---|---|---|",
    `| ${cells(key, schema, !("default" in schema)).join(" | ")} |`,
    "",
  ].join("\n");
}

/** A line for every key below a group, or below each of a list of groups. */
function rowsBelow(key: string, schema: Schema): string[] {
  const { item, path } = innerOf(key, schema);
  const required = item.required ?? [];
  return Object.entries(propertiesOf(item)).flatMap(([name, field]) => {
    const place = `${path}.${name}`;
    // A group is described by its keys alone.
    if (field.properties) return rowsBelow(place, field);
    const described = field.description ?? "";
    if (described === "") throw new Error(`the setting '${place}' has no description; settings/ gives it one`);
    const row = `| \`${place}\` | ${cells(place, field, required.includes(name)).join(" | ")} | ${escaped(described)} |`;
    return [row, ...rowsBelow(place, field)];
  });
}

/** A list of groups is described by its items. */
function innerOf(key: string, schema: Schema): { readonly item: Schema; readonly path: string } {
  const { items } = schema;
  const isGroups = typeof items === "object" && !Array.isArray(items) && items.properties !== undefined;
  return isGroups ? { item: items, path: `${key}[0]` } : { item: schema, path: key };
}

function propertiesOf({ properties = {} }: Schema): Record<string, Schema> {
  return properties as Record<string, Schema>;
}

function cells(path: string, schema: Schema, isRequired: boolean): string[] {
  const [example] = schema.examples ?? [];
  if (example === undefined) throw new Error(`the setting '${path}' has no example; settings/ gives it one`);
  return [typeOf(schema), isRequired ? "must be set" : code(schema.default), code(example)];
}

function typeOf({ type, enum: values, items, properties, minimum, maximum, additionalProperties }: Schema): string {
  if (values)
    return values
      .filter((value) => value !== "")
      .map(code)
      .join(", ");
  if (type === "array")
    return `list of ${typeof items === "object" && !Array.isArray(items) ? typeOf(items) : "anything"}`;
  if (properties) return "groups";
  if (type === "object")
    return `map to ${typeof additionalProperties === "object" ? typeOf(additionalProperties) : "anything"}`;
  if (type === "integer" || type === "number") return `${minimum ?? ""} to ${maximum ?? ""}`;
  return typeof type === "string" ? type : "anything";
}

function code(value: unknown): string {
  if (value === undefined) return "none";
  if (value === "") return "empty";
  return `\`${escaped(typeof value === "string" ? value : JSON.stringify(value))}\``;
}

/** A bar would end the table's cell. */
const escaped = (text: string) => text.replaceAll("|", "\\|");
