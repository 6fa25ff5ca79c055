import { once } from "node:events";
import type { Duplex, Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";

import type Docker from "dockerode";

import { pause } from "../../postgres/pause";
import type { ExecPlace, ExecStreams } from "../exec";
import { ask, EngineError } from "./engine";

/**
 * A container as a place to run programs in.
 *
 * @param container - its name or id
 * @param engine - address of its engine, as `engineAt` takes it
 */
export function containerPlace(container: string, engine: string): ExecPlace {
  const name = `container '${container}'`;
  const start = async (argv: readonly string[]) => {
    const streams = { AttachStdin: true, AttachStdout: true, AttachStderr: true };
    const exec = await ask(engine, (docker) => docker.getContainer(container).exec({ Cmd: [...argv], ...streams }));
    const socket = exec && (await ask(engine, () => exec.start({ hijack: true, stdin: true })));
    if (!exec || !socket) throw new EngineError(`There is no ${name}.`, 404);
    return { exec, socket };
  };
  return {
    name,
    exec: async (argv, streams, signal) => {
      try {
        signal.throwIfAborted();
        const { exec, socket } = await start(argv);
        await converse(socket, streams, signal);
        return await exitCode(engine, exec, signal);
      } finally {
        streams.output.end();
        streams.errors.end();
      }
    },
  };
}

/** Feeds a program and takes what it writes, until it has ended. */
async function converse(socket: Duplex, streams: ExecStreams, signal: AbortSignal): Promise<void> {
  const letGo = () => socket.destroy();
  signal.addEventListener("abort", letGo, { once: true });
  try {
    // The program may end without having read all: then only its exit code counts.
    const feeding = pipeline(streams.input, socket).catch(() => undefined);
    await separate(socket, streams);
    streams.input.destroy();
    await feeding;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", letGo);
    socket.destroy();
  }
  signal.throwIfAborted();
}

const headerBytes = 8;
const ofErrors = 2;

/** Takes apart what the engine sends: frames of a header (stream, length) and its bytes. Reads no faster than the streams take it. */
async function separate(socket: Readable, { output, errors }: ExecStreams): Promise<void> {
  let header = Buffer.alloc(0);
  let left = 0;
  let target: Writable = output;
  for await (const piece of socket as AsyncIterable<Buffer>) {
    for (let rest = piece; rest.length > 0;) {
      if (left === 0) {
        const more = rest.subarray(0, headerBytes - header.length);
        header = Buffer.concat([header, more]);
        rest = rest.subarray(more.length);
        if (header.length < headerBytes) continue;
        target = header[0] === ofErrors ? errors : output;
        left = header.readUInt32BE(4);
        header = Buffer.alloc(0);
        continue;
      }
      const content = rest.subarray(0, left);
      rest = rest.subarray(content.length);
      left -= content.length;
      if (target.destroyed) throw target.errored ?? new Error("What the program writes is no longer taken.");
      if (!target.write(content)) await once(target, "drain");
    }
  }
}

const looks = 100;

/** The engine closes the stream a moment before it knows the exit code. */
async function exitCode(engine: string, exec: Docker.Exec, signal: AbortSignal): Promise<number | null> {
  for (let tries = 0; tries < looks; tries++) {
    const found = await ask(engine, () => exec.inspect());
    if (!found) return null;
    if (!found.Running) return found.ExitCode;
    await pause(50, signal);
  }
  return null;
}
