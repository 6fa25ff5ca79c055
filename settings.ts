import { z } from "zod";

import type { ServiceSettings, Site } from "./phases/site";
import { schema, schemas } from "./settings/schema";
import { judgeStores } from "./settings/stores";

/** Keys whose value Pulumi hands over as JSON. */
const structured = new Set([
  ...["database", "docker", "kubernetes", "services", "backup", "quiesce", "migration", "verification", "preview"],
  ...["report", "notify", "window", "rehearsal", "allowHazards"],
]);

/** The keys that hold secrets, and must be kept as such. */
export const secretSettings = ["databaseUrl", "notify"];

/** What the operator wants, checked and complete. Times are in seconds. `databaseUrl` is a secret, and so are the URLs of `notify`. */
export type Settings = Omit<z.output<typeof schema>, "services" | "database"> &
  Pick<Site, "database"> & { readonly services: readonly ServiceSettings[] };

/** The stack's configuration cannot be used. */
export class SettingsError extends Error {
  constructor(faults: readonly string[]) {
    super(
      `The configuration of this stack cannot be used; nothing was touched.\n${faults.map((fault) => `  ${fault}\n`).join("")}` +
        `Correct it with 'octollm config set <key> <value>' or in the stack file; docs/settings.md describes every key.`,
    );
    this.name = "SettingsError";
  }
}

/** The schema of each target's configuration as JSON Schema, with descriptions of nested keys, defaults and examples. */
export function settingsJsonSchemas(): Readonly<Record<keyof typeof schemas, z.core.JSONSchema.BaseSchema>> {
  const entries = Object.entries(schemas).map(([target, each]) => [target, z.toJSONSchema(each, { io: "input" })]);
  return Object.fromEntries(entries) as Record<keyof typeof schemas, z.core.JSONSchema.BaseSchema>;
}

/** Every key of the configuration with its default, undefined where there is none. */
export function settingDefaults(): Record<string, unknown> {
  return Object.fromEntries(Object.entries(schema.shape).map(([key, field]) => [key, field.safeParse(undefined).data]));
}

/**
 * Turns the configuration of the namespace `octollm` into settings.
 *
 * @param raw - values as Pulumi hands them over: text, and JSON for everything that is not a string
 * @param secretKeys - those that the stack keeps encrypted; only `databaseUrl` and `notify` may be, and must be
 * @throws SettingsError that lists every fault with its path
 */
export function parseSettings(raw: Readonly<Record<string, string>>, secretKeys: readonly string[] = []): Settings {
  const values = Object.fromEntries(
    Object.entries(raw).map(([key, value]) => [key, structured.has(key) ? decode(value) : value]),
  );
  const result = schemaOf(values.target).safeParse(values);
  const faults = [
    ...(result.error?.issues ?? []).flatMap((issue) => describe(issue, values)),
    ...judge(values),
    ...judgeSecrets(raw, secretKeys),
  ];
  if (result.success && faults.length === 0) return Object.freeze(result.data);
  throw new SettingsError(faults);
}

/** A target that there is not is a fault of the schema, whichever it is. */
function schemaOf(target: unknown): (typeof schemas)[keyof typeof schemas] {
  return schemas[typeof target === "string" && target in schemas ? (target as keyof typeof schemas) : "local"];
}

/** The part of the settings that describes the installation: no goal, no gates, no secrets. */
export function siteOf(settings: Settings): Site {
  const { installation, environmentFile, configFolder, catalogue, database, services } = settings;
  const { backup, quiesce, migration, verification, preview, onFailure } = settings;
  const compose = settings.composeFile === "" ? {} : { composeFile: settings.composeFile };
  const files = { installation, environmentFile, configFolder, ...compose, catalogue };
  // What only one target has is not in the state of the others.
  const { target, docker, kubernetes } = settings;
  const own = target === "docker" ? { docker } : target === "kubernetes" ? { kubernetes } : {};
  return { ...files, database, ...own, services, backup, quiesce, migration, verification, preview, onFailure };
}

function decode(value: string): unknown {
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

function describe(issue: z.core.$ZodIssue, values: unknown): string[] {
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => `${pathOf([...issue.path, key])}: there is no such setting`);
  const isSet = valueAt(values, issue.path) !== undefined;
  return [`${pathOf(issue.path)}: ${isSet ? issue.message : "is not set"}`];
}

/** `octollm:services[0].port`, as `octollm config set --path` takes it. */
function pathOf(path: readonly PropertyKey[]): string {
  const [first = "", ...rest] = path;
  return `octollm:${String(first)}${rest.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("")}`;
}

function valueAt(values: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, part) => (value as Record<PropertyKey, unknown> | undefined)?.[part], values);
}

/** What the schema cannot say. Looks at the values as they came, so that these faults are listed beside all others. */
function judge({ target, services = [], window = {}, docker }: Readonly<Record<string, unknown>>): string[] {
  const faults: string[] = [];
  const set = Object.keys(window ?? {});
  if (set.length > 0 && !set.includes("timezone"))
    faults.push(
      "octollm:window.timezone: is not set; whose clocks the window goes by must be said, such as Europe/Berlin",
    );
  if (!Array.isArray(services)) return faults;
  if (typeof target === "string" && target in schemas && services.length === 0)
    faults.push("octollm:services: names no service to run");
  const stores = target === "docker" ? judgeStores(docker, services).map((fault) => `octollm:${fault}`) : [];
  return [...faults, ...judgeServices(services as readonly (RawService | null)[], target), ...stores];
}

type RawService = Readonly<
  Partial<Record<"name" | "port" | "container" | "deployment", string | number> & { dependsOn: unknown }>
>;

/** Names, ports and what runs them stand once, and a service depends on services before it. */
function judgeServices(services: readonly (RawService | null)[], target: unknown): string[] {
  const faults: string[] = [];
  // Pods have addresses of their own.
  const keys = target === "kubernetes" ? (["name", "deployment"] as const) : (["name", "port", "container"] as const);
  for (const key of keys) {
    const seen = new Set<unknown>();
    services.forEach((service, index) => {
      const value = service?.[key];
      // Port 0 is none.
      if (value === undefined || value === 0) return;
      if (seen.has(value)) faults.push(`${pathOf(["services", index, key])}: '${String(value)}' stands twice`);
      seen.add(value);
    });
  }
  services.forEach((service, index) => {
    const before = services.slice(0, index).map((other) => other?.name);
    for (const name of Array.isArray(service?.dependsOn) ? (service.dependsOn as string[]) : [])
      if (!before.includes(name))
        faults.push(
          `${pathOf(["services", index, "dependsOn"])}: '${String(name)}' is no service that stands before it`,
        );
  });
  return faults;
}

/** All settings but these end up in the state and in previews as they are, so a secret among them would be one no longer. */
function judgeSecrets(
  { databaseUrl = "", notify = "" }: Readonly<Record<string, string>>,
  secretKeys: readonly string[],
): string[] {
  const others = secretKeys.filter((key) => !secretSettings.includes(key));
  const faults = others.map(
    (key) => `octollm:${key}: may not be a secret; secrets of the services belong into the .env`,
  );
  if (databaseUrl !== "" && !secretKeys.includes("databaseUrl"))
    faults.push("octollm:databaseUrl: holds a password; set it with: octollm config set --secret databaseUrl <url>");
  if (/"url"/.test(notify) && !secretKeys.includes("notify"))
    faults.push(
      "octollm:notify: whoever knows such a URL can write there; set it with: octollm config set --secret --path 'notify[0].url' <url>",
    );
  return faults;
}
