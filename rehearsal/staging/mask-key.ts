import { createHash, randomBytes } from "node:crypto";

import type { Client } from "../../postgres/connection";
import { keySettings } from "./masking";

/** The two padded keys of an HMAC-SHA-256, as hex. A run makes a new pair and forgets it: nobody can hash for himself. */
export interface MaskKey {
  readonly inner: string;
  readonly outer: string;
}

const blockBytes = 64;

/** @param secret - of any length; a random one unless given */
export function newMaskKey(secret: Buffer = randomBytes(32)): MaskKey {
  const key = Buffer.alloc(blockBytes);
  (secret.length > blockBytes ? createHash("sha256").update(secret).digest() : secret).copy(key);
  const padded = (pad: number) => Buffer.from(key.map((byte) => byte ^ pad)).toString("hex");
  return { inner: padded(0x36), outer: padded(0x5c) };
}

/** Hands the key to a session; as parameters, so that it stands in no statement. */
export async function useMaskKey(client: Client, key: MaskKey): Promise<void> {
  await client.query("SELECT set_config($1, $2, false), set_config($3, $4, false)", [
    keySettings.inner,
    key.inner,
    keySettings.outer,
    key.outer,
  ]);
}
