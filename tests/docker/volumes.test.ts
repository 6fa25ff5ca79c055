import { strict as assert } from "node:assert";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { archiveVolumes, startStores } from "../../phases/volumes";
import { parseSettings, siteOf } from "../../settings";
import { DockerStack } from "./support/stack";

const volume = "octollm_redis_data";

describe("volumes of stores in a backup", function () {
  this.timeout(240_000);
  let stack: DockerStack;
  let folder: string;

  before(async () => {
    stack = await DockerStack.adopted("standalone", { tasks: 100 });
    folder = mkdtempSync(join(tmpdir(), "octollm-volumes-"));
    write("before the upgrade");
  });
  after(async () => {
    rmSync(folder, { recursive: true, force: true });
    await stack?.remove();
  });

  const redis = () => stack.octollm.docker.getContainer("octollm-redis");
  const activity = { signal: new AbortController().signal, progress: () => undefined };
  const docker = (...words: string[]) =>
    execFileSync("docker", ["-H", stack.octollm.engine.host, ...words], { encoding: "utf8" });
  const write = (text: string) => docker("exec", "octollm-redis", "/bin/sh", "-c", `echo ${text} > /data/dump.rdb`);
  const read = () => docker("exec", "octollm-redis", "/bin/cat", "/data/dump.rdb").trim();
  const isRunning = async () => (await redis().inspect()).State.Running;

  function site() {
    const settings = {
      version: "0.1.0",
      target: "docker",
      installation: stack.octollm.folder,
      docker: JSON.stringify({ host: stack.octollm.engine.host, archiveVolumes: [volume] }),
      services: JSON.stringify([
        { name: "orchestrator", container: "octollm-orchestrator", image: "octollm/orchestrator:{version}" },
      ]),
    };
    return siteOf(parseSettings(settings));
  }

  it("start their store again when the archive cannot be written", async () => {
    await assert.rejects(archiveVolumes(site(), join(folder, "is-not-there"), activity), /ENOENT/);
    assert.equal(await isRunning(), true);
  });

  it("start their store again after a Ctrl-C", async () => {
    const signal = AbortSignal.abort(new Error("cancelled"));
    await assert.rejects(archiveVolumes(site(), folder, { ...activity, signal }));
    assert.equal(await isRunning(), true);
  });

  it("have a store started that a killed run has stopped", async () => {
    const record = join(stack.octollm.folder, ".octollm", "stopped-stores.json");
    mkdirSync(join(stack.octollm.folder, ".octollm"), { recursive: true });
    writeFileSync(record, '["octollm-redis"]\n');
    await redis().stop();
    await startStores(site(), activity);
    assert.equal(await isRunning(), true);
    assert.equal(existsSync(record), false);
  });

  it("are refused in preview where there is no such volume, or it is the database's", async () => {
    stack.wants("1.0.0");
    stack.set({ docker: { archiveVolumes: ["octollm_redis", "octollm_postgres_data"] } });
    const preview = await stack.mustFail("preview");
    assert.match(preview, /the Docker engine has no volume 'octollm_redis'/);
    assert.match(preview, /'octollm_postgres_data' is the database's own volume/);
  });

  it("are told in preview, part of the backup, and put back by the commands of docs/backup.md", async () => {
    stack.set({ docker: { archiveVolumes: [volume] } });
    const preview = await stack.must("preview", "--diff");
    assert.match(preview, /octollm-redis while its volume is archived/);
    assert.match(
      preview,
      /volume octollm_redis_data, as an archive: octollm-redis is stopped for as long as that takes/,
    );
    const before = await redis().inspect();
    await stack.up();
    const after = await redis().inspect();
    assert.equal(after.Id, before.Id);
    assert.notEqual(after.State.StartedAt, before.State.StartedAt);
    assert.deepEqual(await stack.octollm.serving(), { version: "1.0.0", revision: "e4f5a6" });
    const [id = ""] = readdirSync(join(stack.octollm.folder, "backups"));
    assert.match(await stack.must("backups", "show", id), /volumes +octollm_redis_data/);
    assert.match(await stack.must("backups", "verify", id), /volumes\/octollm_redis_data\.tar\.gz|is what was written/);
    write("spoiled");
    docker("stop", "octollm-redis");
    const archive = join(stack.octollm.folder, "backups", id, "volumes", `${volume}.tar.gz`);
    const put = `gunzip -c '${archive}' | docker -H '${stack.octollm.engine.host}' cp - octollm-redis:/`;
    execFileSync("/bin/sh", ["-c", put]);
    docker("start", "octollm-redis");
    assert.equal(read(), "before the upgrade");
  });
});
