import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { startInstallation } from "./tests/kubernetes/support/installation";
import { makeProject, projectEnvironment, stack } from "./tests/e2e/support/project";

async function main() {
  const t0 = Date.now();
  const o = await startInstallation({ tasks: 300 });
  console.log("installed", Date.now() - t0, "ms", o.namespace);
  const project = makeProject();
  const env: any = { ...projectEnvironment(project, (process.env.ENGINE as any) ?? "standalone"), KUBECONFIG: process.env.KUBECONFIG };
  const run = (...argv: string[]) => {
    const t = Date.now();
    const r = spawnSync(process.execPath, [join("bin", "octollm"), ...argv], { cwd: project, env, encoding: "utf8" });
    console.log(`\n$ octollm ${argv.join(" ")}   [${r.status}, ${Date.now() - t} ms]\n${r.stdout}${r.stderr}`);
  };
  const show = async () => console.log(o.kubectl("get", "deployments,pods", "-o", "wide"), await o.serving());
  await show();
  const svc = (name: string, port: number) => ({ name, deployment: name, image: `octollm/${name}:{version}`, port, health: "/health" });
  const installation = join(project, "site");
  require("node:fs").mkdirSync(installation);
  if (process.env.ADOPT) run("adopt", "--target", "kubernetes", "--namespace", o.namespace, "--installation", installation);
  else {
    run("stack", "init", stack);
    const file = join(project, `Pulumi.${stack}.yaml`);
    const doc = (() => { try { return parse(readFileSync(file, "utf8")); } catch { return {}; } })() ?? {};
    doc.config = { ...doc.config,
      "octollm:version": "0.1.0", "octollm:target": "kubernetes", "octollm:installation": installation,
      "octollm:kubernetes": { namespace: o.namespace }, "octollm:database": { service: "postgres" },
      "octollm:services": [svc("reflex-layer", 8000), svc("planner-arm", 8000), svc("orchestrator", 8000)],
    };
    writeFileSync(file, stringify(doc));
  }
  run("preview");
  run("up", "--yes", "--skip-preview");
  run("preview");
  await show();
  for (const command of (process.env.PLAY ?? "").split(";").filter(Boolean)) {
    if (command.startsWith("!"))
      console.log("$", command, spawnSync("bash", ["-c", command.slice(1)], { encoding: "utf8", cwd: project, env: { ...process.env, NS: o.namespace } }).stdout);
    else run(...command.trim().split(" "));
    await show();
  }
  await o.remove();
}
main().catch((e) => { console.error(e); process.exit(1); });
