import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { Readable, Writable } from "node:stream";

import { Client } from "pg";

import { forwardTo, podPlace } from "../../runtimes/kubernetes/driver";
import type { ClusterPlace } from "../../runtimes/runtime";
import { until } from "../support/until";
import { orchestratorOf } from "./support/deployment";
import { type KubernetesInstallation, startInstallation } from "./support/installation";

const never = new AbortController().signal;
const piece = randomBytes(1024 * 1024);

function* pieces(count: number): Generator<Buffer> {
  for (let sent = 0; sent < count; sent++) yield piece;
}

/** Takes what a program writes, as slowly as it is told to. */
class Taker extends Writable {
  bytes = 0;
  text = "";
  readonly #hash = createHash("sha256");

  override _write(content: Buffer, _encoding: string, done: () => void): void {
    this.bytes += content.length;
    if (this.text.length < 10_000) this.text += content.toString("utf8");
    this.#hash.update(content);
    setImmediate(done);
  }

  digest(): string {
    return this.#hash.digest("hex");
  }
}

describe("programs in the pod of the database, and a way to its port", function () {
  this.timeout(120_000);
  let octollm: KubernetesInstallation;
  let place: ClusterPlace;

  before(async () => {
    octollm = await startInstallation({ tasks: 100, services: [] });
    place = orchestratorOf(octollm).cluster;
  });
  after(() => octollm.remove());

  async function run(argv: readonly string[], input: Readable, signal = never) {
    const [output, errors] = [new Taker(), new Taker()];
    const code = await podPlace(place, "postgres").exec(argv, { input, output, errors }, signal);
    return { code, output, errors };
  }

  it("has the program's exit code, output and errors, each on its own", async () => {
    const { code, output, errors } = await run(["/bin/sh", "-c", "echo out; echo err >&2; exit 7"], Readable.from([]));
    assert.deepEqual([code, output.text, errors.text], [7, "out\n", "err\n"]);
  });

  it("tells the program the end of its input, and loses no byte of 32 MB both ways", async () => {
    const { code, output } = await run(["cat"], Readable.from(pieces(32), { objectMode: false }));
    const whole = createHash("sha256");
    for (const one of pieces(32)) whole.update(one);
    assert.deepEqual([code, output.bytes, output.digest()], [0, 32 * piece.length, whole.digest("hex")]);
  });

  it("minds nothing when the program ends without having read all", async () => {
    const { code } = await run(["/bin/sh", "-c", "exit 0"], Readable.from(pieces(32), { objectMode: false }));
    assert.equal(code, 0);
  });

  it("lets go of a program when it is told to", async () => {
    const reason = new Error("enough");
    const letGo = new AbortController();
    setTimeout(() => letGo.abort(reason), 500);
    await assert.rejects(run(["sleep", "30"], new Readable({ read: () => undefined }), letGo.signal), reason);
  });

  it("says what is not there: a program, a Service", async () => {
    await assert.rejects(run(["/bin/nosuch"], Readable.from([])), /In pod 'postgres-0' the program could not be run/);
    const gone = podPlace(place, "nosuch").exec(["true"], streams(), never);
    await assert.rejects(gone, /has no Service 'nosuch'\. See: kubectl/);
  });

  const streams = () => ({ input: Readable.from([]), output: new Taker(), errors: new Taker() });

  async function connect(): Promise<Client> {
    const address = new URL(octollm.databaseUrl);
    address.host = `127.0.0.1:${await forwardTo(place, { service: "postgres" }, 5432)}`;
    const client = new Client({ connectionString: address.href });
    await client.connect();
    return client;
  }

  it("carries sessions of the database, several at once, and large results whole", async () => {
    const clients = await Promise.all([connect(), connect(), connect()]);
    const query = "SELECT string_agg(md5(n::text), '') AS text FROM generate_series(1, 500000) AS n";
    const results = await Promise.all(clients.map((client) => client.query<{ text: string }>(query)));
    const whole = createHash("sha256");
    const [straight] = await octollm.sql<{ text: string }>(query);
    whole.update(straight?.text ?? "");
    const digest = whole.digest("hex");
    for (const { rows } of results)
      assert.equal(
        createHash("sha256")
          .update(rows[0]?.text ?? "")
          .digest("hex"),
        digest,
      );
    await Promise.all(clients.map((client) => client.end()));
  });

  it("ends the session in the database when the client is gone without a word", async () => {
    const client = await connect();
    await client.query("SET application_name = 'gone without a word'");
    const { stream } = (client as unknown as { connection: { stream: { destroy(): void } } }).connection;
    client.on("error", () => undefined);
    stream.destroy();
    const query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'gone without a word'";
    await until("the session is gone", async () => (await octollm.sql(query)).length === 0, 20_000);
  });

  it("finds the pod that has replaced the one before", async () => {
    const before = await connect();
    before.on("error", () => undefined);
    octollm.kubectl("delete", "pod", "postgres-0", "--grace-period=1", "--wait=false");
    await until("the session breaks", () =>
      before.query("SELECT 1").then(
        () => false,
        () => true,
      ),
    );
    await until("another pod answers", async () => {
      const client = await connect();
      const { rows } = await client.query<{ n: number }>("SELECT count(*)::int AS n FROM tasks");
      await client.end();
      return rows[0]?.n === 100;
    });
  });

  it("does not keep a program alive that has nothing else to do", () => {
    const script = `
      const { forwardTo } = require("./runtimes/kubernetes/driver.ts");
      const { Client } = require("pg");
      forwardTo(${JSON.stringify(place)}, { service: "postgres" }, 5432).then(async (port) => {
        const address = new URL(${JSON.stringify(octollm.databaseUrl)});
        address.host = "127.0.0.1:" + port;
        const client = new Client({ connectionString: address.href });
        await client.connect();
        const { rows } = await client.query("SELECT 1 AS one");
        await client.end();
        console.log(rows[0].one);
      });`;
    const words = ["-r", "./boot/register.cjs", "-e", script];
    assert.equal(execFileSync(process.execPath, words, { encoding: "utf8", timeout: 20_000 }), "1\n");
  });
});
