import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import type { KubernetesInstallation } from "../tests/kubernetes/support/installation";
import { writeGuideRevisions } from "./guide-revisions";

const execute = promisify(execFile);

/** Its steps, as an operator types them one after the other; its manifests are what `kubectl get` gives. */
const script = `#!/bin/bash
set -euo pipefail
# 1. Backup Current State
kubectl exec postgres-0 -- pg_dump -U octollm octollm > octollm_backup.sql
kubectl get configmap octollm-config -o yaml > config.backup.yaml
# 2. Stop Services
kubectl scale deployment --all --replicas=0
kubectl wait --for=delete pod --selector 'app in (orchestrator,reflex-layer,planner-arm)' --timeout=120s
# 3. Update Code
sed -i -E 's|(octollm/[a-z-]+):0[.]1[.]0|\\1:1.0.0|' k8s/*.yaml
# 4. Run Database Migrations
(cd migrations && "$ALEMBIC" upgrade head)
# 5. Update Configuration
kubectl patch configmap octollm-config --type merge --patch '{"data":{"CACHE_ENABLED":null,"CACHE_TTL":null,"CACHE_L1_ENABLED":"true",
  "CACHE_L1_SIZE":"1000","CACHE_L1_TTL":"60","CACHE_L2_ENABLED":"true","CACHE_L2_TTL":"7200"}}'
# 6. Start Services
kubectl apply -f k8s/
kubectl rollout status deployment
# 7. Verify Migration
until wget -q -O /dev/null "$ORCHESTRATOR/health"; do sleep 0.1; done
kubectl logs deployment/orchestrator --tail=100 > logs.txt
`;

/** The manifests as the operator has them in \`k8s/\`: without what only the server keeps. */
function manifestOf(octollm: KubernetesInstallation, deployment: string): string {
  const { apiVersion, kind, metadata, spec } = octollm.get<{
    apiVersion: string;
    kind: string;
    metadata: { name: string; labels: unknown };
    spec: unknown;
  }>("deployment", deployment);
  return JSON.stringify(
    { apiVersion, kind, metadata: { name: metadata.name, labels: metadata.labels }, spec },
    null,
    1,
  );
}

/** Takes an OctoLLM from 0.1.0 to 1.0.0 by the guide's steps. @param alembic - the program */
export async function prepareGuide(octollm: KubernetesInstallation, alembic: string): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), "octollm-guide-"));
  writeGuideRevisions(join(folder, "migrations"));
  await execute("mkdir", [join(folder, "k8s")]);
  for (const name of ["orchestrator", "reflex-layer", "planner-arm"])
    writeFileSync(join(folder, "k8s", `${name}.yaml`), manifestOf(octollm, name));
  writeFileSync(join(folder, "guide.sh"), script, { mode: 0o755 });
  const kubeconfig = join(folder, "kubeconfig");
  await execute("cp", [octollm.cluster.kubeconfig, kubeconfig]);
  const context = ["config", "set-context", "--current", "--namespace", octollm.namespace];
  await execute("kubectl", ["--kubeconfig", kubeconfig, ...context]);
  const own = {
    KUBECONFIG: kubeconfig,
    DATABASE_URL: octollm.databaseUrl,
    ORCHESTRATOR: octollm.orchestrator,
    ALEMBIC: alembic,
  };
  return async () => {
    await execute(join(folder, "guide.sh"), [], { cwd: folder, env: { ...process.env, ...own } });
    rmSync(folder, { recursive: true });
  };
}
