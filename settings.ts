import { z } from "zod";

import { events, formats } from "./notify/message";
import type { ServiceSettings, Site } from "./phases/site";
import { isTimezone, weekdays } from "./planner/window";
import { isHazardName } from "./postgres/hazards/table";

const text = z.string().min(1, "must not be empty");
const port = z.int().min(1).max(65535);
const seconds = z.int().min(1).max(86_400);
const version = z.string().regex(/^\d+\.\d+\.\d+$/, "must be a version such as 1.0.0");
/** Becomes a file's name and part of a command line. */
const serviceName = z.string().regex(/^[a-z][a-z0-9-]{0,40}$/, "must be lower-case letters, digits and '-'");

const pattern = z.string().superRefine((source, context) => {
  try {
    new RegExp(source);
  } catch (error) {
    const said = error instanceof Error ? error.message.split(": ").at(-1) : String(error);
    context.addIssue({ code: "custom", message: `is no regular expression: ${said}` });
  }
});

/** An age public key; the private one must never get here. */
const recipient = z.string().regex(/^age1[a-z0-9]{8,}$/, "is no age recipient: it begins with 'age1'");

const hazardName = z.string().refine(isHazardName, { error: "is no hazard; docs/hazards.md names them all" });

/** What docs/settings.md says of a key, with values that it may have. */
const about = (description: string, ...examples: readonly unknown[]) => ({ description, examples: [...examples] });

const health = z
  .string()
  .regex(/^\//, "must begin with '/'")
  .meta(about("Path that answers 2xx when the service is well.", "/health"));
const named = serviceName.meta(about("Its name, once in the list.", "orchestrator"));
const startTimeout = seconds.default(60).meta(about("Seconds until it has to be well.", 180));
const stopTimeout = seconds.default(30).meta(about("Seconds to end by itself after SIGTERM, before SIGKILL.", 60));

/** A service of target `local`. */
const processSchema = z.strictObject({
  name: named,
  command: text.meta(
    about("Shell command that starts it; `{version}` stands for the release.", "exec ./serve {version}"),
  ),
  directory: text.default(".").meta(about("Working folder, relative to the installation.", "orchestrator")),
  environment: z
    .record(z.string(), z.string())
    .default({})
    .meta(about("Variables on top of those of `.env`. Secrets belong into `.env`.", { LOG_LEVEL: "info" })),
  port: port.meta(about("Port of this host that it listens on.", 8000)),
  health,
  log: text.meta(about("File of its output, relative to the installation.", "logs/orchestrator.log")),
  startTimeout,
  stopTimeout,
});

/** What Docker takes for a container's name. */
const containerName = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,200}$/, "is no name of a container");

/** A service of target `docker`: all else is as the container was found. */
const containerSchema = z.strictObject({
  name: named,
  container: containerName.meta(about("Name of its container.", "octollm-orchestrator")),
  image: text
    .regex(/\{version\}/, "must hold '{version}' in the place of the release")
    .meta(about("Reference of its image; `{version}` stands for the release.", "octollm/orchestrator:{version}")),
  port: z.int().min(0).max(65535).default(0).meta(about("Port that it publishes on this host; 0 for none.", 8000)),
  health: health.default("/health"),
  dependsOn: z
    .array(serviceName)
    .optional()
    .meta(about("Services that must be healthy first; the one before, unless set.", ["postgres"])),
  startTimeout,
  stopTimeout,
});

const time = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, "must be a time such as 22:00");

const windowSchema = z.strictObject({
  days: z
    .array(z.enum(weekdays))
    .min(1, "must name a day")
    .default([...weekdays])
    .meta(about("Days on which it opens.", ["sat", "sun"])),
  // The whole of every day, unless something is set.
  from: time.default("00:00").meta(about("First minute in it.", "22:00")),
  to: time
    .default("00:00")
    .meta(about("First minute after it; an earlier one than `from` is on the next day.", "04:00")),
  timezone: z
    .string()
    .refine(isTimezone, "is no time zone of this machine; one is Europe/Berlin")
    .default("UTC")
    .meta(about("Whose clocks it goes by. Has to be set where another key of the window is.", "Europe/Berlin")),
});

const notifySchema = z.strictObject({
  url: z
    .url({ protocol: /^https?$/, error: "must be a URL that begins with https:// or http://" })
    .refine((url) => URL.canParse(url) && new URL(url).username === "", "may not have a user's name in it")
    .meta(about("Where the notice is posted to. A secret.", "https://hooks.example.com/services/T0/B0/x")),
  format: z.enum(formats).default("generic").meta(about("Shape of the JSON.", "slack")),
  events: z
    .array(z.enum(events))
    .min(1, "must name an event")
    .default([...events])
    .meta(about("What is told.", ["failure"])),
});

const databaseSchema = z.strictObject({
  key: text
    .default("DATABASE_URL")
    .meta(about("Variable of `.env` that holds the URL; without it `POSTGRES_*` count.", "DATABASE_URL")),
  host: z
    .string()
    .default("")
    .meta(about("Host in place of the URL's, which perhaps only containers know.", "127.0.0.1")),
  port: z.int().min(0).max(65535).default(0).meta(about("Port in place of the URL's; 0 leaves that.", 15432)),
});

const dockerSchema = z.strictObject({
  host: z
    .string()
    .default("")
    .meta(
      about("Address of the engine; empty for DOCKER_HOST, or the system's own socket.", "unix:///var/run/docker.sock"),
    ),
});

const backupSchema = z.strictObject({
  folder: text.default("backups").meta(about("Folder that backups are made in.", "/var/backups/octollm")),
  jobs: z.int().min(1).max(64).default(2).meta(about("Tables that are dumped and restored at once.", 4)),
  verify: z
    .enum(["checksums", "restore"])
    .default("checksums")
    .meta(about("How each backup is proven: read back, or loaded into a scratch database and compared.", "restore")),
  keepDays: z.int().min(1).max(36_500).default(30).meta(about("Days that a backup is kept.", 90)),
  keepAtLeast: z.int().min(1).max(10_000).default(5).meta(about("Newest backups that stay, however old they are.", 10)),
  recipients: z
    .array(recipient)
    .default([])
    .meta(
      about("age public keys that every file is encrypted to.", [
        "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
      ]),
    ),
  identityFile: z
    .string()
    .default("")
    .meta(about("File with the age identity that reads encrypted backups again, mode 0600.", "/root/octollm.key")),
});

const quiesceSchema = z.strictObject({
  timeout: seconds
    .default(60)
    .meta(about("Seconds for other clients to leave the database once the services are stopped.", 300)),
  terminate: z.boolean().default(false).meta(about("Whether the sessions of those that stay are ended.", true)),
});

const migrationSchema = z.strictObject({
  lockTimeout: seconds.default(4).meta(about("Seconds that a statement waits for a lock.", 2)),
  retries: z.int().min(0).max(1000).default(10).meta(about("Times that it is tried again after that.", 30)),
  concurrentlyTimeout: seconds
    .default(7200)
    .meta(about("Seconds for an index that is built CONCURRENTLY, however long others hold it up.", 14_400)),
});

const reportSchema = z.strictObject({
  folder: text.default("reports").meta(about("Folder that each attempt's report is written to.", "/srv/reports")),
  keep: z.int().min(1).max(100_000).default(100).meta(about("Attempts whose reports are kept.", 20)),
});

const schema = z.strictObject({
  version: version.meta(about("", "1.0.0")),
  target: z.enum(["local", "docker", "kubernetes"]).meta(about("", "local")),
  installation: text.default(".").meta(about("", "/srv/octollm")),
  environmentFile: text.default(".env").meta(about("", "etc/octollm.env")),
  configFolder: text.default("config").meta(about("", "etc/octollm")),
  composeFile: z.string().default("").meta(about("", "docker-compose.yml")),
  catalogue: z.string().default("").meta(about("", "../our-releases")),
  database: databaseSchema.prefault({}),
  databaseUrl: z.string().default("").meta(about("", "postgresql://octollm@db.example.com/octollm")),
  docker: dockerSchema.prefault({}),
  services: z.array(processSchema).default([]),
  backup: backupSchema.prefault({}),
  quiesce: quiesceSchema.prefault({}),
  migration: migrationSchema.prefault({}),
  verification: z
    .strictObject({
      logAllow: z
        .array(pattern)
        .default([])
        .meta(about("Regular expressions of log lines that are no fault.", ["retrying in \\d+ s"])),
    })
    .prefault({}),
  preview: z
    .strictObject({ budget: seconds.default(10).meta(about("Seconds that a preview may look at the database.", 60)) })
    .prefault({}),
  report: reportSchema.prefault({}),
  notify: z.array(notifySchema).max(20).default([]),
  window: windowSchema.prefault({}),
  onFailure: z.enum(["restart", "leave"]).default("restart").meta(about("", "leave")),
  restoreFrom: z.string().default("").meta(about("", "20260101T021500Z-0.1.0-attempt2")),
  stopAfter: z.enum(["", "backup", "migrate"]).default("").meta(about("", "backup")),
  acceptBreaking: z.string().default("").meta(about("", "1.0.0")),
  reviewedPlan: z.string().default("").meta(about("", "870ec59aa88d")),
  acceptLoss: z.string().default("").meta(about("", "3f2a9c01")),
  allowHazards: z
    .array(hazardName)
    .default([])
    .meta(about("", ["ban-drop-column"])),
  windowOverride: z.string().default("").meta(about("", "870ec59aa88d")),
});

/** Which services a target has: what says how a process is started says nothing of a container. */
const schemas = {
  local: schema,
  docker: schema.extend({ services: z.array(containerSchema).default([]) }),
};

/** Keys whose value Pulumi hands over as JSON. */
const structured = new Set([
  ...["database", "docker", "services", "backup", "quiesce", "migration", "verification", "preview"],
  ...["report", "notify", "window", "allowHazards"],
]);

/** The keys that hold secrets, and must be kept as such. */
export const secretSettings = ["databaseUrl", "notify"];

/** What the operator wants, checked and complete. Times are in seconds. `databaseUrl` is a secret, and so are the URLs of `notify`. */
export type Settings = Omit<z.output<typeof schema>, "services"> & { readonly services: readonly ServiceSettings[] };

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
  const [local, docker] = [schemas.local, schemas.docker].map((each) => z.toJSONSchema(each, { io: "input" }));
  return { local: local ?? {}, docker: docker ?? {} };
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
