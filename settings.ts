import { z } from "zod";

import { events, formats } from "./notify/message";
import type { ServiceSettings, Site } from "./phases/site";
import { isTimezone, weekdays } from "./planner/window";
import { isHazardName } from "./postgres/hazards/table";
import { rehearsalSchema } from "./rehearsal/staging/settings";
import { invariant, pattern, smokeRequest } from "./releases/check-schema";

const text = z.string().min(1, "must not be empty");
const port = z.int().min(1).max(65535);
const seconds = z.int().min(1).max(86_400);
const version = z.string().regex(/^\d+\.\d+\.\d+$/, "must be a version such as 1.0.0");
/** Becomes a file's name and part of a command line. */
const serviceName = z.string().regex(/^[a-z][a-z0-9-]{0,40}$/, "must be lower-case letters, digits and '-'");

/** An age public key; the private one must never get here. */
const recipient = z.string().regex(/^age1[a-z0-9]{8,}$/, "is no age recipient: it begins with 'age1'");

const hazardName = z.string().refine(isHazardName, { error: "is no hazard; docs/hazards.md names them all" });

const health = z
  .string()
  .regex(/^\//, "must begin with '/'")
  .describe("path that answers 2xx when the service is well");

/** A service of target `local`. */
const processSchema = z.strictObject({
  name: serviceName,
  command: text.describe("shell command; '{version}' stands for the release"),
  directory: text.default(".").describe("working folder, relative to the installation"),
  environment: z.record(z.string(), z.string()).default({}).describe("on top of the .env"),
  port,
  health,
  log: text.describe("file of its output, relative to the installation"),
  startTimeout: seconds.default(60),
  stopTimeout: seconds.default(30),
});

/** What Docker takes for a container's name. */
const containerName = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,200}$/, "is no name of a container");

/** A service of target `docker`: all else is as the container was found. */
const containerSchema = z.strictObject({
  name: serviceName,
  container: containerName,
  image: text
    .regex(/\{version\}/, "must hold '{version}' in the place of the release")
    .describe("reference of the image; '{version}' stands for the release"),
  port: z.int().min(0).max(65535).default(0).describe("published on this host; 0 for none"),
  health: health.default("/health"),
  dependsOn: z
    .array(serviceName)
    .optional()
    .describe("services that must be healthy first; the one before, unless set"),
  startTimeout: seconds.default(60),
  stopTimeout: seconds.default(30),
});

const time = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, "must be a time such as 22:00");

const windowSchema = z.strictObject({
  days: z
    .array(z.enum(weekdays))
    .min(1, "must name a day")
    .default([...weekdays]),
  // The whole of every day, unless something is set.
  from: time.default("00:00"),
  to: time.default("00:00"),
  timezone: z.string().refine(isTimezone, "is no time zone of this machine; one is Europe/Berlin").default("UTC"),
});

const notifySchema = z.strictObject({
  url: z
    .url({ protocol: /^https?$/, error: "must be a URL that begins with https:// or http://" })
    .refine((url) => URL.canParse(url) && new URL(url).username === "", "may not have a user's name in it"),
  format: z.enum(formats).default("generic"),
  events: z
    .array(z.enum(events))
    .min(1, "must name an event")
    .default([...events]),
});

const verificationSchema = z.strictObject({
  task: z.boolean().default(true),
  taskTimeout: seconds.default(60),
  requests: z.int().min(0).max(1000).default(30),
  errorRate: z.number().min(0).max(1).default(0.01),
  latencyFactor: z.number().min(1).max(100).default(3),
  latencySlack: z.int().min(0).max(60_000).default(100),
  logErrors: z.array(pattern).default([]),
  logAllow: z.array(pattern).default([]),
  smoke: z.array(smokeRequest).default([]),
  invariants: z.array(invariant).default([]),
  indexes: z.array(text).default([]),
});

const schema = z.strictObject({
  version,
  target: z.enum(["local", "docker", "kubernetes"]),
  installation: text.default("."),
  environmentFile: text.default(".env"),
  configFolder: text.default("config"),
  composeFile: z.string().default(""),
  catalogue: z.string().default(""),
  database: z
    .strictObject({
      key: text.default("DATABASE_URL"),
      host: z.string().default(""),
      port: z.int().min(0).max(65535).default(0),
      container: z.string().optional(),
    })
    .prefault({}),
  databaseUrl: z.string().default(""),
  docker: z.strictObject({ host: z.string().default(""), maintenance: z.boolean().default(false) }).prefault({}),
  services: z.array(processSchema).default([]),
  backup: z
    .strictObject({
      folder: text.default("backups"),
      jobs: z.int().min(1).max(64).default(2),
      verify: z.enum(["checksums", "restore"]).default("checksums"),
      keepDays: z.int().min(1).max(36_500).default(30),
      keepAtLeast: z.int().min(1).max(10_000).default(5),
      recipients: z.array(recipient).default([]),
      identityFile: z.string().default(""),
    })
    .prefault({}),
  quiesce: z.strictObject({ timeout: seconds.default(60), terminate: z.boolean().default(false) }).prefault({}),
  migration: z
    .strictObject({
      lockTimeout: seconds.default(4),
      retries: z.int().min(0).max(1000).default(10),
      concurrentlyTimeout: seconds.default(7200),
    })
    .prefault({}),
  verification: verificationSchema.prefault({}),
  preview: z.strictObject({ budget: seconds.default(10) }).prefault({}),
  report: z
    .strictObject({ folder: text.default("reports"), keep: z.int().min(1).max(100_000).default(100) })
    .prefault({}),
  notify: z.array(notifySchema).max(20).default([]),
  window: windowSchema.prefault({}),
  rehearsal: rehearsalSchema.prefault({}),
  onFailure: z.enum(["restart", "leave"]).default("restart"),
  restoreFrom: z.string().default(""),
  stopAfter: z.enum(["", "backup", "migrate"]).default(""),
  acceptBreaking: z.string().default(""),
  reviewedPlan: z.string().default(""),
  acceptLoss: z.string().default(""),
  allowHazards: z.array(hazardName).default([]),
  windowOverride: z.string().default(""),
});

/** Which services a target has: what says how a process is started says nothing of a container. */
const schemas = {
  local: schema,
  docker: schema.extend({ services: z.array(containerSchema).default([]) }),
};

/** Keys whose value Pulumi hands over as JSON. */
const structured = new Set([
  ...["database", "docker", "services", "backup", "quiesce", "migration", "verification", "preview"],
  ...["report", "notify", "window", "rehearsal", "allowHazards"],
]);

/** The keys that hold secrets, and must be kept as such. */
const secretSettings = ["databaseUrl", "notify"];

/** What the operator wants, checked and complete. Times are in seconds. `databaseUrl` is a secret, and so are the URLs of `notify`. */
export type Settings = Omit<z.output<typeof schema>, "services"> & { readonly services: readonly ServiceSettings[] };

/** The stack's configuration cannot be used. */
export class SettingsError extends Error {
  constructor(faults: readonly string[]) {
    super(
      `The configuration of this stack cannot be used; nothing was touched.\n${faults.map((fault) => `  ${fault}\n`).join("")}` +
        `Correct it with 'octollm config set <key> <value>' or in the stack file; Pulumi.yaml describes every key.`,
    );
    this.name = "SettingsError";
  }
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
  const result = (values.target === "docker" ? schemas.docker : schemas.local).safeParse(values);
  const faults = [
    ...(result.error?.issues ?? []).flatMap((issue) => describe(issue, values)),
    ...judge(values),
    ...judgeSecrets(raw, secretKeys),
  ];
  if (result.success && faults.length === 0) return Object.freeze(result.data);
  throw new SettingsError(faults);
}

/** The part of the settings that describes the installation: no goal, no gates, no secrets. */
export function siteOf(settings: Settings): Site {
  const { installation, environmentFile, configFolder, catalogue, database, services } = settings;
  const { backup, quiesce, migration, verification, preview, onFailure } = settings;
  const compose = settings.composeFile === "" ? {} : { composeFile: settings.composeFile };
  const files = { installation, environmentFile, configFolder, ...compose, catalogue };
  // What only one target has is not in the state of the others.
  const docker = settings.target === "docker" ? { docker: settings.docker } : {};
  return { ...files, database, ...docker, services, backup, quiesce, migration, verification, preview, onFailure };
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
function judge({ target, services = [], window = {} }: Readonly<Record<string, unknown>>): string[] {
  const faults: string[] = [];
  const set = Object.keys(window ?? {});
  if (set.length > 0 && !set.includes("timezone"))
    faults.push(
      "octollm:window.timezone: is not set; whose clocks the window goes by must be said, such as Europe/Berlin",
    );
  if (target === "kubernetes")
    faults.push(
      `octollm:target: 'kubernetes' is not available in this version of the program; 'docker' is, and 'local', ` +
        `which runs the services as processes of this host`,
    );
  if (!Array.isArray(services)) return faults;
  if ((target === "local" || target === "docker") && services.length === 0)
    faults.push("octollm:services: names no service to run");
  return [...faults, ...judgeServices(services as readonly (RawService | null)[])];
}

type RawService = Readonly<Partial<Record<"name" | "port" | "container", string | number> & { dependsOn: unknown }>>;

/** Names, ports and containers stand once, and a service depends on services before it. */
function judgeServices(services: readonly (RawService | null)[]): string[] {
  const faults: string[] = [];
  for (const key of ["name", "port", "container"] as const) {
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
