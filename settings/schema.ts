import { z } from "zod";

import { isHazardName } from "../postgres/hazards/table";
import { rehearsalSchema } from "../rehearsal/staging/settings";
import { about } from "./about";
import { notifySchema, windowSchema } from "./occasions";
import { containerSchema, deploymentSchema, objectName, processSchema } from "./services";
import { storeSchema } from "./stores";
import { seconds, text } from "./values";
import { verificationSchema } from "./verification";

const version = z.string().regex(/^\d+\.\d+\.\d+$/, "must be a version such as 1.0.0");
/** An age public key; the private one must never get here. */
const recipient = z.string().regex(/^age1[a-z0-9]{8,}$/, "is no age recipient: it begins with 'age1'");

const hazardName = z.string().refine(isHazardName, { error: "is no hazard; docs/hazards.md names them all" });

const databaseSchema = z.strictObject({
  key: text
    .default("DATABASE_URL")
    .meta(about("Variable of `.env` that holds the URL; without it `POSTGRES_*` count.", "DATABASE_URL")),
  host: z
    .string()
    .default("")
    .meta(about("Host in place of the URL's, which perhaps only containers know.", "127.0.0.1")),
  port: z.int().min(0).max(65535).default(0).meta(about("Port in place of the URL's; 0 leaves that.", 15432)),
  container: z
    .string()
    .optional()
    .meta(
      about(
        "Container that PostgreSQL runs in: its `pg_dump` is used where this host has none that is new enough, and without a published port it is reached at its own address, with `database.host` empty.",
        "octollm-postgres",
      ),
    ),
});

/** Of target `kubernetes`. */
const clusterDatabaseSchema = databaseSchema.omit({ container: true }).extend({
  service: objectName
    .optional()
    .meta(
      about(
        "Service of the database in the namespace: it is reached through a pod behind it, whose `pg_dump` is used where this " +
          "host has none that is new enough. Without it the address must be reachable from here.",
        "postgres",
      ),
    ),
});

const kubernetesSchema = z.strictObject({
  kubeconfig: z
    .string()
    .default("")
    .meta(about("Path of the kubeconfig; empty for KUBECONFIG, or the user's own.", "/etc/octollm/kubeconfig")),
  context: z.string().default("").meta(about("Its context; empty for the current one.", "production")),
  namespace: objectName.default("octollm").meta(about("Namespace of the installation.", "octollm")),
  configMap: objectName
    .default("octollm-config")
    .meta(about("ConfigMap with its variables, in place of an `.env`.", "octollm-config")),
  secret: z
    .string()
    .refine((name) => name === "" || objectName.safeParse(name).success, { error: "is no name of a Kubernetes object" })
    .default("octollm-secrets")
    .meta(about("Secret with its secret variables; empty for none.", "octollm-secrets")),
  forceConflicts: z
    .boolean()
    .default(false)
    .meta(about("Whether fields that another field manager owns are taken over; preview names them.", true)),
});

const dockerSchema = z.strictObject({
  archiveVolumes: z
    .array(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, "is no name of a volume"))
    .default([])
    .meta(
      about("Volumes that each backup holds as an archive; their containers are stopped for as long as that takes.", [
        "octollm_redis_data",
      ]),
    ),
  maintenance: z
    .boolean()
    .default(false)
    .meta(about("Whether 503 is answered on the published ports of services while they are stopped.", true)),
  host: z
    .string()
    .default("")
    .meta(
      about("Address of the engine; empty for DOCKER_HOST, or the system's own socket.", "unix:///var/run/docker.sock"),
    ),
  network: text
    .default("octollm-network")
    .meta(
      about(
        "Of a fresh installation: network that is made with the stores, and has all containers.",
        "octollm-network",
      ),
    ),
  address: text
    .default("127.0.0.1")
    .meta(about("Of a fresh installation: address of this host on which ports are published.", "0.0.0.0")),
  stores: z
    .array(storeSchema)
    .max(20)
    .default([])
    .meta(
      about("Of a fresh installation: the stores that the stack makes.", [
        { name: "redis", container: "octollm-redis", image: "redis:7" },
      ]),
    ),
});

const backupSchema = z.strictObject({
  folder: text.default("backups").meta(about("Folder that backups are made in.", "/var/backups/octollm")),
  early: z
    .boolean()
    .default(false)
    .meta(
      about(
        "Whether it is made before the services stop, which shortens that; it is made again if anybody writes until they have.",
        true,
      ),
    ),
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
    .meta(
      about("File with the age identity that reads encrypted backups again, mode 0600.", "/etc/octollm/backup.key"),
    ),
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

/** The configuration of target `local`. */
export const schema = z.strictObject({
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
  kubernetes: kubernetesSchema.prefault({}),
  services: z.array(processSchema).default([]),
  backup: backupSchema.prefault({}),
  quiesce: quiesceSchema.prefault({}),
  migration: migrationSchema.prefault({}),
  verification: verificationSchema.prefault({}),
  preview: z
    .strictObject({ budget: seconds.default(10).meta(about("Seconds that a preview may look at the database.", 60)) })
    .prefault({}),
  report: reportSchema.prefault({}),
  notify: z.array(notifySchema).max(20).default([]),
  window: windowSchema.prefault({}),
  rehearsal: rehearsalSchema.prefault({}),
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
export const schemas = {
  local: schema,
  docker: schema.extend({ services: z.array(containerSchema).default([]) }),
  kubernetes: schema.extend({
    database: clusterDatabaseSchema.prefault({}),
    services: z.array(deploymentSchema).default([]),
  }),
};
