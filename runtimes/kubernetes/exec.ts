import type { Readable, Writable } from "node:stream";

import type { ExecPlace, ExecStreams } from "../exec";
import type { ClusterPlace } from "../runtime";
import { type Channels, openChannels } from "./channel";
import { ClusterError } from "./errors";
import { collections } from "./objects";
import { runningPod } from "./pod-of";

/** Numbers of the streams of an exec. */
const streamsOf = { input: 0, output: 1, errors: 2, status: 3, close: 255 } as const;
/** The first protocol that can tell a program the end of its input; Kubernetes 1.30 and newer speak it. */
const protocol = "v5.channel.k8s.io";

/**
 * A pod behind a Service as a place to run programs in, in its first container.
 *
 * @param service - name of the Service
 */
export function podPlace(place: ClusterPlace, service: string): ExecPlace {
  const name = `a pod of Service '${service}'`;
  return {
    name,
    exec: async (argv, streams, signal) => {
      try {
        signal.throwIfAborted();
        const pod = await runningPod(place, { service });
        const [container] = pod.spec.containers;
        return await run(
          place,
          { pod: pod.metadata.name, container: container?.name ?? "", argv },
          { streams, signal },
        );
      } finally {
        streams.output.end();
        streams.errors.end();
      }
    },
  };
}

interface Program {
  readonly pod: string;
  readonly container: string;
  readonly argv: readonly string[];
}

interface Conversation {
  readonly streams: ExecStreams;
  readonly signal: AbortSignal;
}

async function run(
  place: ClusterPlace,
  { pod, container, argv }: Program,
  { streams, signal }: Conversation,
): Promise<number | null> {
  const query = new URLSearchParams({ container, stdin: "true", stdout: "true", stderr: "true" });
  for (const word of argv) query.append("command", word);
  let status: string | null = null;
  let channels: Channels | null = null;
  let fail!: (error: unknown) => void;
  let finish!: () => void;
  const ended = new Promise<void>((resolve, reject) => ([finish, fail] = [resolve, reject]));
  ended.catch(() => undefined);
  const take = (target: Writable, content: Buffer) => {
    if (target.destroyed) return fail(target.errored ?? new Error("What the program writes is no longer taken."));
    if (target.write(content)) return;
    channels?.pause();
    target.once("drain", () => channels?.resume());
  };
  channels = await openChannels(
    place,
    { path: `${collections.pods(place.namespace)}/${pod}/exec`, query, protocol },
    {
      message: (stream, content) => {
        if (stream === streamsOf.output) take(streams.output, content);
        else if (stream === streamsOf.errors) take(streams.errors, content);
        else if (stream === streamsOf.status) status = content.toString("utf8");
      },
      closed: (fault) => (status === null ? fail(fault ?? lost(pod)) : finish()),
    },
  );
  const open = channels;
  const letGo = () => fail(signal.reason);
  signal.addEventListener("abort", letGo, { once: true });
  try {
    signal.throwIfAborted();
    // The program may end without having read all: then only its exit code counts.
    void feed(streams.input, open).catch(() => undefined);
    await ended;
    return exitCode(status ?? "", pod);
  } finally {
    signal.removeEventListener("abort", letGo);
    streams.input.destroy();
    open.close();
  }
}

async function feed(input: Readable, channels: Channels): Promise<void> {
  for await (const content of input as AsyncIterable<Buffer>)
    await channels.send(streamsOf.input, Buffer.from(content));
  await channels.send(streamsOf.close, Buffer.of(streamsOf.input));
}

function lost(pod: string): ClusterError {
  return new ClusterError(`The connection to pod '${pod}' was lost before the program ended.`, null);
}

/** What the end of a program is told as. */
interface ExecStatus {
  readonly status?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly details?: { readonly causes?: readonly { readonly reason?: string; readonly message?: string }[] };
}

function exitCode(text: string, pod: string): number | null {
  const { status, message = text, details } = JSON.parse(text) as ExecStatus;
  if (status === "Success") return 0;
  const code = details?.causes?.find(({ reason }) => reason === "ExitCode")?.message;
  if (code !== undefined) return Number(code);
  throw new ClusterError(`In pod '${pod}' the program could not be run: ${message}`, null);
}
