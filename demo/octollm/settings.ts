import { parseArgs } from "node:util";

import { type DatabaseAddress, parseDatabaseUrl } from "../../postgres/address";
import { type Behaviour, behaviours } from "./behaviour";

/** What the service was started with. */
export interface ServiceSettings {
  readonly behaviour: Behaviour;
  readonly port: number;
  /** Which of the machine's addresses it listens on; a container's service listens on all. */
  readonly host: string;
  readonly database: DatabaseAddress;
  readonly webhookUrl: string | null;
  /** Null when the release has none, or it is switched off. */
  readonly cache: { readonly size: number; readonly ttlSeconds: number } | null;
}

function integer(environment: NodeJS.ProcessEnv, key: string, fallback: number): number {
  const text = environment[key] ?? String(fallback);
  if (!/^\d+$/.test(text)) throw new Error(`${key} must be a whole number`);
  return Number(text);
}

function flag(environment: NodeJS.ProcessEnv, key: string): boolean {
  const text = (environment[key] ?? "true").toLowerCase();
  if (["true", "1", "yes", "on"].includes(text)) return true;
  if (["false", "0", "no", "off"].includes(text)) return false;
  throw new Error(`${key} must be true or false`);
}

/**
 * Reads arguments and environment.
 *
 * @throws when something is missing or wrong; the text names it and shows no value
 */
export function readSettings(args: readonly string[], environment: NodeJS.ProcessEnv): ServiceSettings {
  const { values } = parseArgs({ args: [...args], options: { release: { type: "string" } } });
  const behaviour = behaviours.find(({ version }) => version === values.release);
  if (!behaviour) throw new Error(`--release must be one of ${behaviours.map(({ version }) => version).join(", ")}`);
  if (!environment.DATABASE_URL) throw new Error("DATABASE_URL is not set");
  const hasCache = behaviour.cache && flag(environment, "CACHE_L1_ENABLED");
  return {
    behaviour,
    port: integer(environment, "PORT", 8000),
    host: environment.HOST || "127.0.0.1",
    database: parseDatabaseUrl(environment.DATABASE_URL),
    webhookUrl: environment.WEBHOOK_URL || null,
    cache: hasCache
      ? { size: integer(environment, "CACHE_L1_SIZE", 1000), ttlSeconds: integer(environment, "CACHE_L1_TTL", 60) }
      : null,
  };
}
