import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { makeReachable } from "../../demo/private-postgres";
import { Running } from "./support/command";
import { type Engine, engines } from "./support/engines";
import { gone, isPulumisOwn, killAll, processesIn } from "./support/processes";
import { projectEnvironment } from "./support/project";
import { soak } from "./support/soak";
import { assertSays } from "./support/story";

const program = resolve(__dirname, "../..");

/** A checkout of the program, without what the developer's own runs have left in it. */
function checkout(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "octollm-tour-")));
  makeReachable(folder);
  const left = /^(\.git|\.pulumi|\.octollm-tour|node_modules|Pulumi\..+\.yaml|bench|docs)$/;
  for (const name of readdirSync(program).filter((entry) => !left.test(entry)))
    cpSync(join(program, name), join(folder, name), { recursive: true });
  symlinkSync(join(program, "node_modules"), join(folder, "node_modules"));
  return folder;
}

for (const engine of engines)
  describe(`the tour (${engine})`, function () {
    this.timeout(300_000);
    let folder: string;

    before(() => (folder = checkout()));
    after(async () => {
      killAll(() => processesIn(folder));
      await gone(() => processesIn(folder), 5);
      rmSync(folder, { recursive: true, force: true });
    });

    const left = () => processesIn(folder).filter((found) => !isPulumisOwn(found));

    function start(by: Engine): Running {
      return new Running(process.execPath, ["-r", "./boot/register.cjs", join("demo", "tour.ts")], {
        cwd: folder,
        env: projectEnvironment(folder, by),
      });
    }

    it("that was killed half-way does not disturb the next one, which shows it all and leaves no process", async () => {
      const killed = start(engine);
      assert.ok(await killed.says(/4\. The upgrade[\s\S]*Quiesce/), killed.output);
      killed.child.kill("SIGKILL");
      await killed.ended;
      const { code, output } = await start(engine).ended;
      assert.equal(code, 0, output);
      assertSays(
        output,
        "every column of every task is as it was before the upgrade",
        "every byte of .env is as it was before the upgrade",
      );
      for (const line of output.split("\n")) assert.ok([...line].length <= 80, `wider than 80 columns: ${line}`);
      assert.deepEqual(await gone(left, 5), []);
    });

    (soak ? it : it.skip)("runs again", async () => {
      const { code, output } = await start(engine).ended;
      assert.equal(code, 0, output);
      assert.deepEqual(await gone(left, 5), []);
    });
  });
