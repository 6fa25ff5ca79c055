import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

import { note } from "./output";

/**
 * A stack's secrets need a passphrase. Where the operator gives none, one lies beside the state, readable by its owner
 * only: `.pulumi/passphrase`. A stack that is made gets it; a stack that exists is never given a new one.
 *
 * @param project - folder of Pulumi.yaml
 * @param makesStack - whether the command makes a stack
 */
export function providePassphrase(project: string, makesStack: boolean): void {
  const { PULUMI_CONFIG_PASSPHRASE: value, PULUMI_CONFIG_PASSPHRASE_FILE: named } = process.env;
  if (value !== undefined || named !== undefined) return;
  const file = join(project, ".pulumi", "passphrase");
  if (!existsSync(file)) {
    if (!makesStack) return;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${randomBytes(24).toString("base64url")}\n`, { mode: 0o600, flag: "wx" });
    const shown = relative(process.cwd(), file);
    note(`A passphrase for the stack's secrets was written to ${shown}. Keep a copy of it elsewhere.`);
  }
  process.env.PULUMI_CONFIG_PASSPHRASE_FILE = file;
}
