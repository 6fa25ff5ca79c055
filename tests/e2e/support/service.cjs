"use strict";
// A service for the tests: the small OctoLLM, unless `behaviour.json` in its folder says otherwise of its release.
//   { "1.0.0": "crash" | "silent" | "unhealthy" | "broken" | "stub" }
const { existsSync, readFileSync } = require("node:fs");
const { createServer } = require("node:http");
const { setInterval } = require("node:timers");

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

switch (behaviours[release]) {
  case "crash":
    process.stderr.write("cannot start: the cellar is flooded\n");
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
  case "stub":
    answer(200, (url) => (url.startsWith("/api/v1/") ? 200 : 404));
    break;
  default:
    require("../../../demo/octollm/main.cjs");
}
