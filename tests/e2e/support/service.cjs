"use strict";
// A service for the tests: the small OctoLLM, unless `behaviour.json` in its folder says otherwise of its release.
//   { "1.0.0": "crash" | "leaky" | "silent" | "unhealthy" | "broken" | "mortal" | "faulty" | "deaf" | "stub" }
const { existsSync, readFileSync } = require("node:fs");
const { createServer, Server } = require("node:http");
const { setInterval, setTimeout } = require("node:timers");

const release = process.argv[process.argv.indexOf("--release") + 1];
const behaviours = existsSync("behaviour.json") ? JSON.parse(readFileSync("behaviour.json", "utf8")) : {};

/** Answers `/health` with one status and everything else with another. */
function answer(health, other) {
  const server = createServer(({ url }, response) => {
    response.writeHead(url === "/health" ? health : other(url), { "content-type": "application/json" });
    response.end(JSON.stringify({ version: release }));
  });
  process.once("SIGTERM", () => process.exit(0));
  server.listen(Number(process.env.PORT), "127.0.0.1");
}

/** Takes its time for the first of the smoke requests. */
function delaySmoke(milliseconds) {
  const { emit } = Server.prototype;
  let asked = false;
  Server.prototype.emit = function (event, request, ...rest) {
    const isSmoke = event === "request" && request.url === "/api/v1/tasks?limit=1";
    if (!isSmoke || asked) return emit.call(this, event, request, ...rest);
    asked = true;
    setTimeout(() => emit.call(this, event, request, ...rest), milliseconds);
    return true;
  };
}

switch (behaviours[release]) {
  case "crash":
    process.stderr.write("cannot start: the cellar is flooded\n");
    process.exit(3);
    break;
  case "leaky":
    process.stderr.write(`cannot start with ${JSON.stringify(process.env)}\n`);
    process.exit(3);
    break;
  case "silent":
    setInterval(() => undefined, 1_000);
    break;
  case "unhealthy":
    answer(503, () => 503);
    break;
  case "broken":
    answer(200, () => 500);
    break;
  case "mortal":
    answer(200, () => process.exit(1));
    break;
  case "faulty":
    // The real release, whose log has an error and which takes its time for the smoke request.
    delaySmoke(2_000);
    process.stderr.write(`ERROR the cellar is flooded, ${process.env.WEBHOOK_URL} too\n`);
    require("../../../demo/octollm/main.cjs");
    break;
  case "deaf":
    // The real release, from which no webhook gets a call.
    globalThis.fetch = () => Promise.reject(new Error("no way out"));
    require("../../../demo/octollm/main.cjs");
    break;
  case "stub":
    answer(200, (url) => (url.startsWith("/api/v1/") ? 200 : 404));
    break;
  default:
    require("../../../demo/octollm/main.cjs");
}
