import { z } from "zod";

import { about } from "./about";
import { containerName, healthcheck, serviceName, stopTimeout } from "./services";
import { seconds, text } from "./values";

const portOrNone = z.int().min(0).max(65_535).default(0);
/** What Docker takes for the name of a volume. */
const volumeName = z.string().regex(/^([a-zA-Z0-9][a-zA-Z0-9_.-]{0,200})?$/, "is no name of a volume");

/** A store that the stack makes for a fresh installation. */
export const storeSchema = z.strictObject({
  name: serviceName.meta(
    about("Its name, once in the list, by which the services reach it in the network.", "postgres"),
  ),
  container: containerName.meta(about("Name of its container.", "octollm-postgres")),
  image: text.meta(about("Reference of its image.", "postgres:15-alpine")),
  volume: volumeName
    .default("")
    .meta(
      about("Volume that its data are in; empty where they need not outlive the container.", "octollm_postgres_data"),
    ),
  path: z
    .string()
    .regex(/^\//, "must begin with '/'")
    .default("/data")
    .meta(about("Where the container has that volume.", "/var/lib/postgresql/data")),
  port: portOrNone.meta(about("Port that it publishes on this host; 0 for none.", 15_432)),
  containerPort: portOrNone.meta(about("Port within the container; 0 for the same one.", 5432)),
  environment: z
    .array(text)
    .default([])
    .meta(about("Variables of `.env` that it gets. Each must have a value there.", ["POSTGRES_PASSWORD"])),
  command: z
    .array(z.string())
    .default([])
    .meta(about("Command in place of the image's own.", ["redis-server", "--appendonly", "yes"])),
  healthcheck: healthcheck.default([]),
  startTimeout: seconds.default(120).meta(about("Seconds until it has to be well.", 300)),
  stopTimeout,
});

type Raw = Readonly<Record<string, unknown>> | null | undefined;

/**
 * What the schema cannot say of stores: that names and places stand once, also beside those of services.
 *
 * @param docker - the setting as it came
 * @returns faults with their paths below `octollm:`
 */
export function judgeStores(docker: unknown, services: readonly unknown[]): string[] {
  const { stores } = (docker ?? {}) as { stores?: unknown };
  if (!Array.isArray(stores) || stores.length === 0) return [];
  const faults: string[] = [];
  for (const key of ["name", "container", "port", "volume"]) {
    const seen = new Set((key === "volume" ? [] : services).map((service) => (service as Raw)?.[key]));
    (stores as Raw[]).forEach((store, index) => {
      const value = store?.[key];
      if (value === undefined || value === 0 || value === "") return;
      if (seen.has(value)) faults.push(`docker.stores[${index}].${key}: '${value as string | number}' stands twice`);
      seen.add(value);
    });
  }
  return faults;
}
