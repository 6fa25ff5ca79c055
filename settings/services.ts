import { z } from "zod";

import { about } from "./about";
import { seconds, text } from "./values";

/** Becomes a file's name and part of a command line. */
export const serviceName = z.string().regex(/^[a-z][a-z0-9-]{0,40}$/, "must be lower-case letters, digits and '-'");
const port = z.int().min(1).max(65535);
const health = z
  .string()
  .regex(/^\//, "must begin with '/'")
  .meta(about("Path that answers 2xx when the service is well.", "/health"));
const named = serviceName.meta(about("Its name, once in the list.", "orchestrator"));
const startTimeout = seconds.default(60).meta(about("Seconds until it has to be well.", 180));
export const stopTimeout = seconds
  .default(30)
  .meta(about("Seconds to end by itself after SIGTERM, before SIGKILL.", 60));

/** A service of target `local`. */
export const processSchema = z.strictObject({
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

const image = text
  .regex(/\{version\}/, "must hold '{version}' in the place of the release")
  .meta(about("Reference of its image; `{version}` stands for the release.", "octollm/orchestrator:{version}"));
const dependsOn = z
  .array(serviceName)
  .optional()
  .meta(about("Services that must be healthy first; the one before, unless set.", ["postgres"]));

/** What Docker takes for a container's name. */
export const containerName = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,200}$/, "is no name of a container");

/** As Docker has it: the first word says how the others are run. */
export const healthcheck = z
  .array(z.string())
  .refine(([kind = "CMD"]) => ["CMD", "CMD-SHELL", "NONE"].includes(kind), {
    error: "must begin with CMD or CMD-SHELL",
  })
  .meta(
    about("Of a fresh installation: Docker's health check of the container; the image's own, unless set.", [
      "CMD-SHELL",
      "pg_isready -h 127.0.0.1",
    ]),
  );

/** A service of target `docker`: all else is as the container was found. */
export const containerSchema = z.strictObject({
  name: named,
  container: containerName.meta(about("Name of its container.", "octollm-orchestrator")),
  image,
  port: z.int().min(0).max(65535).default(0).meta(about("Port that it publishes on this host; 0 for none.", 8000)),
  health: health.default("/health"),
  dependsOn,
  startTimeout,
  stopTimeout,
  containerPort: z
    .int()
    .min(0)
    .max(65535)
    .optional()
    .meta(about("Of a fresh installation: its port within the container; `port`, unless set.", 8080)),
  healthcheck: healthcheck.optional(),
  environment: z
    .record(z.string(), z.string())
    .optional()
    .meta(
      about("Of a fresh installation: variables on top of those of `.env`. Secrets belong into `.env`.", {
        PORT: "8080",
      }),
    ),
});

/** What Kubernetes takes for the name of a Deployment, a Service or a namespace. */
export const objectName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?$/, "is no name of a Kubernetes object");

/** A service of target `kubernetes`: all else is as the Deployment was found. */
export const deploymentSchema = z.strictObject({
  name: named,
  deployment: objectName.meta(about("Name of its Deployment.", "orchestrator")),
  podContainer: z
    .string()
    .default("")
    .meta(about("The container of its pods that is the service; empty for the first.", "orchestrator")),
  image,
  port: z.int().min(0).max(65535).default(0).meta(about("Port that its pods listen on; 0 for none.", 8000)),
  health: health.default("/health"),
  dependsOn: z
    .array(serviceName)
    .optional()
    .meta(about("Services that must be ready before it is started; none, unless set.", ["reflex-layer"])),
  startTimeout: seconds.default(180).meta(about("Seconds until its pods have to be ready.", 300)),
  stopTimeout: seconds.default(60).meta(about("Seconds for its pods to be gone once it is scaled to 0.", 120)),
});
