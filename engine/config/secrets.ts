import { createCipheriv, createDecipheriv, pbkdf2, randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";

import { ExitCode, OperatorError } from "../errors";

const iterations = 1_000_000;
const passwordCheck = "pulumi";
const derive = promisify(pbkdf2);

/** Encrypts and decrypts with a key that comes from the operator's passphrase (Pulumi's `passphrase` secrets provider). */
export interface Secrets {
  /** Salt and password check: `encryptionsalt` of the stack's settings, `secrets_providers` of its state. */
  readonly salt: string;
  encrypt(plaintext: string): string;
  decrypt(ciphertext: string): string;
}

/** The operator's passphrase, by value or by file; undefined when none is set. An empty one is a passphrase too. */
export function readPassphrase(env: NodeJS.ProcessEnv, cwd: string): string | undefined {
  if (env.PULUMI_CONFIG_PASSPHRASE !== undefined) return env.PULUMI_CONFIG_PASSPHRASE;
  if (!env.PULUMI_CONFIG_PASSPHRASE_FILE) return undefined;
  try {
    return fs.readFileSync(path.resolve(cwd, env.PULUMI_CONFIG_PASSPHRASE_FILE), "utf8").trim();
  } catch (error) {
    throw new OperatorError(
      `unable to read PULUMI_CONFIG_PASSPHRASE_FILE: ${(error as Error).message}`,
      ExitCode.configuration,
    );
  }
}

function requirePassphrase(passphrase: string | undefined): string {
  if (passphrase !== undefined) return passphrase;
  throw new OperatorError(
    "passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE environment variables: " +
      "this stack's secrets are encrypted with it. Nothing was done.",
    ExitCode.configuration,
  );
}

function makeSecrets(key: Buffer, salt: string): Secrets {
  return {
    salt,
    encrypt(plaintext) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", key, nonce);
      const sealed = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final(), cipher.getAuthTag()]);
      return `v1:${nonce.toString("base64")}:${sealed.toString("base64")}`;
    },
    decrypt(ciphertext) {
      const [version, nonce, sealed, extra] = ciphertext.split(":");
      if (version !== "v1" || !nonce || !sealed || extra !== undefined)
        throw new Error("not a ciphertext of version 1");
      const bytes = Buffer.from(sealed, "base64");
      const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(nonce, "base64"));
      decipher.setAuthTag(bytes.subarray(-16));
      return Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]).toString("utf8");
    },
  };
}

/** Opens existing secrets; a wrong passphrase is refused here, before anything else happens. */
export async function openSecrets(salt: string, passphrase: string | undefined): Promise<Secrets> {
  const [version, saltBytes, ...check] = salt.split(":");
  if (version !== "v1" || !saltBytes || check.length !== 3) {
    throw new OperatorError(
      `malformed encryptionsalt '${salt}': expected v1:<salt>:v1:<nonce>:<check>`,
      ExitCode.configuration,
    );
  }
  const key = await derive(requirePassphrase(passphrase), Buffer.from(saltBytes, "base64"), iterations, 32, "sha256");
  const secrets = makeSecrets(key, salt);
  try {
    if (secrets.decrypt(check.join(":")) === passwordCheck) return secrets;
  } catch {
    // The same refusal as for a check that decrypts to something else.
  }
  throw new OperatorError(
    "incorrect passphrase: PULUMI_CONFIG_PASSPHRASE (or PULUMI_CONFIG_PASSPHRASE_FILE) is not the one that this stack's " +
      "secrets are encrypted with. Nothing was done.",
  );
}

/** New secrets for a new stack. */
export async function createSecrets(passphrase: string | undefined): Promise<Secrets> {
  const saltBytes = randomBytes(8);
  const key = await derive(requirePassphrase(passphrase), saltBytes, iterations, 32, "sha256");
  const check = makeSecrets(key, "").encrypt(passwordCheck);
  return makeSecrets(key, `v1:${saltBytes.toString("base64")}:${check}`);
}
