import * as pulumi from "@pulumi/pulumi";

import { parseSettings, type Settings, SettingsError } from "../settings";

/**
 * The settings of the running program's stack.
 *
 * @throws RunError, which Pulumi shows without a stack trace, that lists every fault of the configuration
 */
export function readSettings(): Settings {
  const prefix = `${pulumi.getProject()}:`;
  const own = (key: string) => (key.startsWith(prefix) ? [key.slice(prefix.length)] : []);
  const values = Object.entries(pulumi.runtime.allConfig()).flatMap(([key, value]) =>
    own(key).map((name) => [name, value]),
  );
  // The SDK knows which keys are secret and tells nobody; the engine tells us as it tells the SDK.
  const secretKeys = JSON.parse(process.env.PULUMI_CONFIG_SECRET_KEYS ?? "[]") as string[];
  try {
    return parseSettings(Object.fromEntries(values) as Record<string, string>, secretKeys.flatMap(own));
  } catch (error) {
    throw error instanceof SettingsError ? new pulumi.RunError(error.message) : error;
  }
}
