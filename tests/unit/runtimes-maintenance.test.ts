import assert from "node:assert/strict";
import { createServer } from "node:http";

import { freePort } from "../../demo/private-postgres";
import { Maintenance } from "../../runtimes/maintenance";

describe("the answer in the place of stopped services", () => {
  const address = "127.0.0.1";
  let port: number;
  let maintenance: Maintenance;

  beforeEach(async () => {
    port = await freePort();
    maintenance = new Maintenance(10);
    await maintenance.open({ address, port });
  });
  afterEach(() => maintenance.closeAll());

  const ask = (path: string, init: RequestInit = {}) => fetch(`http://${address}:${port}${path}`, init);

  it("is 503 to every request, with the time after which to ask again", async () => {
    for (const [path, method] of [
      ["/health", "GET"],
      ["/tasks", "POST"],
    ] as const) {
      const response = await ask(path, method === "POST" ? { method, body: "x".repeat(100_000) } : {});
      assert.equal(response.status, 503);
      assert.equal(response.headers.get("retry-after"), "10");
      assert.equal(response.headers.get("cache-control"), "no-store");
      assert.deepEqual(await response.json(), {
        detail: "OctoLLM is being upgraded. It will be back soon.",
        retry_after: 10,
      });
    }
  });

  it("is a page to a browser", async () => {
    const response = await ask("/", { headers: { accept: "text/html,application/xhtml+xml" } });
    assert.match(response.headers.get("content-type") ?? "", /^text\/html/);
    assert.match(await response.text(), /<h1>OctoLLM is being upgraded<\/h1>/);
  });

  it("gives the port back at once, whoever keeps a connection open", async () => {
    await ask("/health", { keepalive: true });
    await maintenance.close(port);
    const next = createServer();
    await new Promise<void>((resolve, reject) => next.once("error", reject).listen(port, address, resolve));
    await new Promise((resolve) => next.close(resolve));
  });

  it("is opened again on the same port, and twice is once", async () => {
    await maintenance.close(port);
    await maintenance.open({ address, port });
    await maintenance.open({ address, port });
    assert.equal((await ask("/health")).status, 503);
  });

  it("does not take a port that somebody has", async () => {
    await assert.rejects(new Maintenance(10).open({ address, port }), /EADDRINUSE/);
  });
});
