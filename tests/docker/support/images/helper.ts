import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";

import { serveFront } from "./front-proxy";

/**
 * What stands for the services of which the tests need no more than that they run: `arm` answers its health check,
 * `redis` its PING, `front` hands requests on, and the sick ones are for upgrades that fail.
 */
const roles: Readonly<Record<string, (argument: string) => void>> = {
  arm: (version) => serveHealth(200, { status: "healthy", version }),
  "never-healthy": (version) => serveHealth(503, { status: "unhealthy", version, reason: "a migraine" }),
  "exits-at-once": () => {
    process.stderr.write("OctoLLM cannot start: no module named 'octollm'\n");
    process.exit(3);
  },
  redis: () => serveRedis(),
  front: (target) => serveFront(target),
};

function serveHealth(status: number, body: object): void {
  const server = createHttpServer((request, response) => {
    const known = request.url === "/health";
    response.writeHead(known ? status : 404, { "content-type": "application/json" });
    response.end(JSON.stringify(known ? body : { detail: "Not Found" }));
  });
  server.listen(Number(process.env.PORT ?? 8000), "0.0.0.0");
}

function serveRedis(): void {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (data) => socket.write(/ping/i.test(data.toString()) ? "+PONG\r\n" : "+OK\r\n"));
  });
  server.listen(Number(process.env.PORT ?? 6379), "0.0.0.0");
}

for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => process.exit(0));
const [role = "", argument = ""] = process.argv.slice(2);
roles[role]?.(argument);
