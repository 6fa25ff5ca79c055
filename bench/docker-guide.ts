import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import type { DockerInstallation } from "../tests/docker/support/installation";
import { writeGuideRevisions } from "./guide-revisions";

const execute = promisify(execFile);

/** How the guide's second step is done: as it stands there, or as somebody does it who leaves the stores alone. */
export type Stopping = "down" | "stop";

/** Its steps, as an operator types them one after the other; no image is built or pulled, and no volume archived. */
function script(stopping: Stopping, services: string): string {
  const stores = `docker-compose up --detach postgres
until docker exec octollm-postgres pg_isready -q -h 127.0.0.1 -U octollm; do sleep 0.1; done`;
  return `#!/bin/bash
set -euo pipefail
# 1. Backup Current State
docker exec octollm-postgres pg_dump -U octollm octollm > octollm_backup.sql
cp .env .env.backup
tar -czf config_backup.tar.gz config/
# 2. Stop Services
${stopping === "down" ? "docker-compose down" : `docker-compose stop ${services}`}
# 3. Update Code
sed -i -E 's|(octollm/[a-z-]+):0[.]1[.]0|\\1:1.0.0|' docker-compose.yml
# 4. Run Database Migrations
${stopping === "down" ? stores : ""}
(cd migrations && "$ALEMBIC" upgrade head)
# 5. Update Configuration: the guide's migrate_env.sh
CACHE_ENABLED=$(grep '^CACHE_ENABLED' .env | cut -d '=' -f2)
CACHE_TTL=$(grep '^CACHE_TTL' .env | cut -d '=' -f2 | cut -d ' ' -f1)
cat >> .env <<EOF

# Cache Configuration (v0.2.0+)
CACHE_L1_ENABLED=\${CACHE_ENABLED}
CACHE_L1_SIZE=1000
CACHE_L1_TTL=60
CACHE_L2_ENABLED=\${CACHE_ENABLED}
CACHE_L2_TTL=\${CACHE_TTL}
EOF
sed -i -e 's/^CACHE_ENABLED/#CACHE_ENABLED (deprecated)/' -e 's/^CACHE_TTL/#CACHE_TTL (deprecated)/' .env
# 6. Start Services
docker-compose up --detach ${services}
# 7. Verify Migration
until wget -q -O /dev/null http://127.0.0.1:8000/health; do sleep 0.1; done
docker-compose logs --tail=100 > logs.txt
`;
}

/** Takes an OctoLLM from 0.1.0 to 1.0.0 by the guide's steps. @param alembic - the program */
export async function upgradeByGuide(
  { folder, engine, databaseUrl }: DockerInstallation,
  { stopping, alembic }: { readonly stopping: Stopping; readonly alembic: string },
): Promise<void> {
  writeGuideRevisions(join(folder, "migrations"));
  writeFileSync(join(folder, "guide.sh"), script(stopping, "orchestrator reflex-layer planner-arm"), { mode: 0o755 });
  const own = {
    DOCKER_HOST: engine.host,
    COMPOSE_PROJECT_NAME: "octollm",
    DATABASE_URL: databaseUrl,
    ALEMBIC: alembic,
  };
  await execute(join(folder, "guide.sh"), [], { cwd: folder, env: { ...process.env, ...own } });
}
