import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

const largestBody = 256 * 1024;

/** A small HTTP server that takes what services send, until it is closed. */
export interface Receiver {
  /** Where services reach it. */
  readonly url: string;
  /** Bodies that arrived at that URL, oldest first. */
  readonly bodies: readonly string[];
  close(): Promise<void>;
}

/**
 * Listens on a free port where services of the installation can reach it.
 *
 * @param address - of this machine, that the services reach
 * @param path - begins with '/'; requests to any other are answered 404 and not kept
 * @throws when the machine has no such address
 */
export async function openReceiver(address: string, path: string): Promise<Receiver> {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    if (request.method !== "POST" || request.url !== path) return void response.writeHead(404).end();
    const pieces: Buffer[] = [];
    let size = 0;
    request.on("data", (piece: Buffer) => {
      size += piece.length;
      if (size > largestBody) request.destroy();
      else pieces.push(piece);
    });
    request.on("end", () => {
      bodies.push(Buffer.concat(pieces).toString("utf8"));
      response.writeHead(204).end();
    });
  });
  await listening(server, address);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${address}:${port}${path}`,
    bodies,
    close: () => {
      server.closeAllConnections();
      return new Promise((done) => server.close(() => done()));
    },
  };
}

function listening(server: Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, address, resolve);
  });
}
