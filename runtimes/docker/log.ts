import type { ContainerSpec, LogMark } from "../runtime";
import { ask } from "./engine";
import { inspectContainer } from "./look";

/** Most of a log that is read, in bytes: a container that crashes at once can write any amount. */
const largestLog = 64 * 1024 * 1024;

/**
 * The lines that a container has written to its output since a moment; one that is not there has written none.
 *
 * @param since - milliseconds since the epoch; 0 for all that the engine has kept
 * @param tail - only so many of the last lines
 */
export async function logLines(
  { engine }: Pick<ContainerSpec, "engine">,
  container: string,
  since: LogMark,
  tail?: number,
): Promise<string[]> {
  const options = { stdout: true, stderr: true, follow: false, ...(tail === undefined ? {} : { tail }) } as const;
  const found = await inspectContainer(engine, container);
  if (found === null) return [];
  const { Id, Config } = found;
  const content = await ask(engine, async (docker) => {
    const raw = await docker.getContainer(Id).logs({ ...options, since: since / 1000 });
    return Config.Tty ? raw.toString("utf8") : withoutFrames(raw.subarray(0, largestLog));
  });
  return (content ?? "").split(/\r?\n/).filter((line) => line !== "");
}

/** Output and errors come in frames of 8 bytes of header, the last four of which are the length. */
export function withoutFrames(raw: Buffer): string {
  const parts: Buffer[] = [];
  for (let position = 0; position + 8 <= raw.length;) {
    const length = raw.readUInt32BE(position + 4);
    parts.push(raw.subarray(position + 8, position + 8 + length));
    position += 8 + length;
  }
  return Buffer.concat(parts).toString("utf8");
}
