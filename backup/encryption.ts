import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readFile, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";

import { errorText } from "../postgres/errors";
import { BackupError } from "./errors";
import { fingerprint, listFiles, streamFingerprint } from "./files";
import { ageEnding, type Manifest, manifestFile } from "./manifest";

/** The library is an ES module, and only some need it. */
const loadAge = () => import("age-encryption");

export interface EncryptionOptions {
  /** Public keys, `age1...`: whoever has the identity of one of them can read the backup. */
  readonly recipients: readonly string[];
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Why these cannot be recipients; empty when they can. */
export async function judgeRecipients(recipients: readonly string[]): Promise<string[]> {
  const { Encrypter } = await loadAge();
  return recipients.flatMap((recipient) => {
    try {
      new Encrypter().addRecipient(recipient);
      return [];
    } catch (error) {
      return [`'${recipient}' is no age recipient (${errorText(error)})`];
    }
  });
}

/**
 * Encrypts every file of a folder to `<file>.age` and removes the plain one, once the encrypted one has been decrypted
 * again and found equal. The private keys are not needed for that: each file is also encrypted to a key that exists in
 * this process only, and is forgotten at its end.
 *
 * @param folder - gets the encrypted files in place of the plain ones
 * @throws BackupError when a file does not come back as it was
 */
export async function encryptFolder(folder: string, options: EncryptionOptions): Promise<void> {
  const { recipients, progress, signal } = options;
  const age = await loadAge();
  const ours = await age.generateX25519Identity();
  const encrypter = new age.Encrypter();
  for (const recipient of [...recipients, await age.identityToRecipient(ours)]) encrypter.addRecipient(recipient);
  const files = await listFiles(folder);
  for (const { path } of files) {
    progress(`backup: encrypting ${path}`);
    const [plain, encrypted] = [join(folder, path), join(folder, path + ageEnding)];
    const before = await fingerprint(folder, path, signal);
    const stream = await encrypter.encrypt(readableOf(plain));
    await pipeline(Readable.fromWeb(stream as ReadableStream), createWriteStream(encrypted, { mode: 0o600 }), {
      signal,
    });
    const decrypter = new age.Decrypter();
    decrypter.addIdentity(ours);
    const back = Readable.fromWeb((await decrypter.decrypt(readableOf(encrypted))) as ReadableStream);
    if ((await streamFingerprint(back, signal)).sha256 !== before.sha256)
      throw new BackupError(`'${path}' did not come back from its encryption as it was.`);
    await rm(plain);
  }
}

/** What the library reads; it takes any stream of bytes. */
function readableOf(path: string): globalThis.ReadableStream<Uint8Array> {
  return Readable.toWeb(createReadStream(path)) as globalThis.ReadableStream<Uint8Array>;
}

/**
 * Decrypts a backup into a folder. A file that was tampered with ends it with an error.
 *
 * @param identityFile - file of age identities (`AGE-SECRET-KEY-1...`), as `age-keygen` writes it
 * @param target - an empty folder, private to this user
 */
export async function decryptFolder(
  source: string,
  target: string,
  options: { identityFile: string; manifest: Manifest; signal: AbortSignal },
): Promise<void> {
  const { identityFile, manifest, signal } = options;
  const age = await loadAge();
  const decrypter = new age.Decrypter();
  for (const identity of await readIdentities(identityFile)) decrypter.addIdentity(identity);
  for (const { path } of manifest.files) {
    if (path === manifestFile || !path.endsWith(ageEnding)) continue;
    const plain = join(target, path.slice(0, -ageEnding.length));
    await mkdir(dirname(plain), { recursive: true, mode: 0o700 });
    try {
      const stream = await decrypter.decrypt(readableOf(join(source, path)));
      await pipeline(Readable.fromWeb(stream as ReadableStream), createWriteStream(plain, { mode: 0o600 }), { signal });
    } catch (error) {
      signal.throwIfAborted();
      throw new BackupError(
        `'${path}' of backup '${manifest.id}' cannot be decrypted with the identities in '${identityFile}': ${errorText(error)}. ` +
          `It is encrypted to ${manifest.encryption?.recipients.join(", ") ?? "nobody"}.`,
        { cause: error },
      );
    }
  }
}

async function readIdentities(file: string): Promise<string[]> {
  if (file === "")
    throw new BackupError(
      "The backup is encrypted. Name the file with your age identity: octollm config set --path backup.identityFile <file>",
    );
  try {
    if (((await stat(file)).mode & 0o077) !== 0)
      throw new Error(`other users may read it; close it to them: chmod 600 ${file}`);
    const lines = (await readFile(file, "utf8")).split("\n").map((line) => line.trim());
    const identities = lines.filter((line) => line.startsWith("AGE-SECRET-KEY-"));
    if (identities.length === 0) throw new Error("it holds no age identity (AGE-SECRET-KEY-...)");
    return identities;
  } catch (error) {
    throw new BackupError(`The identity file '${file}' cannot be used: ${errorText(error)}.`, { cause: error });
  }
}
