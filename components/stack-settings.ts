import * as pulumi from "@pulumi/pulumi";

import { parseSettings, type Settings, SettingsError } from "../settings";

/**
 * The settings of the running program's stack.
 *
 * @throws RunError, which Pulumi shows without a stack trace, that lists every fault of the configuration
 */
export function readSettings(): Settings {
  const prefix = `${pulumi.getProject()}:`;
  const own = Object.entries(pulumi.runtime.allConfig()).filter(([key]) => key.startsWith(prefix));
  try {
    return parseSettings(Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length), value])));
  } catch (error) {
    throw error instanceof SettingsError ? new pulumi.RunError(error.message) : error;
  }
}
