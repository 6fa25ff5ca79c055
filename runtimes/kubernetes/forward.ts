import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";

import { pause } from "../../postgres/pause";
import type { ClusterPlace } from "../runtime";
import { type Channels, openChannels } from "./channel";
import { ClusterError } from "./errors";
import { collections } from "./objects";
import { describeOwner, type PodOwner, type PodPort, portOf } from "./pod-of";

/** Numbers of the streams of a forwarded port. */
const dataStream = 0;
const errorStream = 1;
const protocol = "v4.channel.k8s.io";
/** Of each stream the first two bytes are the port. */
const portBytes = 2;

/** How long a new connection is given to find a pod: one that was evicted is replaced. */
const dialMilliseconds = 15_000;
/** A client that has said its last word may still want the answer; the pod cannot be told that it has ended. */
const lingerMilliseconds = 5_000;
/** Terminate, the last word of PostgreSQL's protocol, to which there is no answer: nodes take a second to see the end. */
const farewell = Buffer.from([0x58, 0, 0, 0, 4]);

const forwards = new Map<string, Promise<number>>();

/**
 * Opens a port of this host that leads to a pod, for as long as this process lives, without keeping it alive. Each
 * connection finds a pod that is there at that moment.
 *
 * @param port - the Service's, 0 for its only one; or the container's of a Deployment
 * @returns the port of 127.0.0.1
 * @throws ClusterError when no pod can be reached now
 */
export async function forwardTo(place: ClusterPlace, owner: PodOwner, port: number): Promise<number> {
  const key = JSON.stringify([place.kubeconfig, place.context, place.namespace, owner, port]);
  const known = forwards.get(key);
  if (known) return known;
  const opened = listen(new Forward(place, owner, port));
  forwards.set(key, opened);
  opened.catch(() => forwards.delete(key));
  return opened;
}

async function listen(forward: Forward): Promise<number> {
  await forward.check();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.unref();
    void forward.connect(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a forwarded port has no number");
  return address.port;
}

class Forward {
  readonly #place: ClusterPlace;
  readonly #owner: PodOwner;
  readonly #port: number;
  #target: PodPort | null = null;

  constructor(place: ClusterPlace, owner: PodOwner, port: number) {
    this.#place = place;
    this.#owner = owner;
    this.#port = port;
  }

  /** Finds a pod. @throws ClusterError */
  async check(): Promise<void> {
    this.#target = await portOf(this.#place, this.#owner, this.#port);
  }

  /** Joins a connection with one to a pod; it is broken off when there is none to be had. */
  async connect(socket: Socket): Promise<void> {
    const joined = new Joined(socket, () => (this.#target = null));
    try {
      await joined.begin(await this.#dial(joined));
    } catch (error) {
      socket.destroy(error as Error);
    }
  }

  async #dial(joined: Joined): Promise<Channels> {
    const deadline = Date.now() + dialMilliseconds;
    for (;;) {
      try {
        // A Deployment's present pods may be others each time; a Service's pod stays as long as it answers.
        if (!("service" in this.#owner)) this.#target = null;
        const target = this.#target ?? (await portOf(this.#place, this.#owner, this.#port));
        this.#target = target;
        const path = `${collections.pods(this.#place.namespace)}/${target.pod}/portforward`;
        const query = new URLSearchParams({ ports: String(target.port) });
        return await openChannels(this.#place, { path, query, protocol }, joined);
      } catch (error) {
        this.#target = null;
        const mayPass = error instanceof ClusterError && (error.passes || error.status === 404);
        if (!mayPass || Date.now() > deadline || joined.isOver)
          throw new Error(`${describeOwner(this.#owner)} cannot be reached: ${(error as Error).message}`, {
            cause: error,
          });
        await pause(250);
      }
    }
  }
}

/** A connection of this host joined with a pod's port: neither side runs ahead of the other. */
class Joined {
  readonly #socket: Socket;
  readonly #lost: () => void;
  readonly #begun = new Set<number>();
  #channels: Channels | null = null;
  #over = false;
  #linger: NodeJS.Timeout | null = null;

  constructor(socket: Socket, lost: () => void) {
    this.#socket = socket;
    this.#lost = lost;
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      this.#over = true;
      this.#channels?.close();
      if (this.#linger) clearTimeout(this.#linger);
    });
  }

  get isOver(): boolean {
    return this.#over;
  }

  async begin(channels: Channels): Promise<void> {
    this.#channels = channels;
    channels.unref();
    if (this.#over) return channels.close();
    // A client that only sends no more still listens.
    const said = this.#socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
    let last: Buffer = Buffer.alloc(0);
    for await (const content of said) {
      await channels.send(dataStream, content);
      last = content;
    }
    if (last.subarray(-farewell.length).equals(farewell)) this.#socket.destroySoon();
    else this.#awaitLastAnswer();
  }

  message = (stream: number, content: Buffer): void => {
    // The first message of each stream tells its port.
    if (!this.#begun.has(stream)) {
      this.#begun.add(stream);
      return this.message(stream, content.subarray(portBytes));
    }
    if (content.length === 0) return;
    if (stream === errorStream) return this.#breakOff(new Error(content.toString("utf8")));
    if (stream !== dataStream || this.#socket.destroyed) return;
    this.#linger?.refresh();
    if (this.#socket.write(content)) return;
    this.#channels?.pause();
    this.#socket.once("drain", () => this.#channels?.resume());
  };

  closed = (fault: Error | null): void => {
    if (fault) return this.#breakOff(fault);
    this.#socket.end();
    // Nobody takes what the client still says.
    this.#socket.destroySoon();
  };

  #breakOff(fault: Error): void {
    this.#lost();
    this.#socket.destroy(fault);
  }

  #awaitLastAnswer(): void {
    if (this.#over) return;
    this.#linger = setTimeout(() => this.#channels?.close(), lingerMilliseconds).unref();
  }
}
