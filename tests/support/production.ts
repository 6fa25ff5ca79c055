import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { stringify } from "yaml";

import { createInstallation } from "../../demo/installation";
import { freePort } from "../../demo/private-postgres";
import { testDatabase } from "./postgres";
import { octollm } from "./run";

/** A production that a rehearsal may read and must not write to. */
export interface Production {
  readonly databaseUrl: string;
  readonly folder: string;
  readonly port: number;
}

/**
 * Sets up an OctoLLM 0.1.0 as stack `prod` of a project, whose stack file is its own; nothing of it runs.
 *
 * @param folder - gets the installation; its `.env` leads to other places than that of any other installation
 */
export async function makeProduction(
  project: string,
  folder: string,
  { tasks = 300, env }: { tasks?: number; env: NodeJS.ProcessEnv },
): Promise<Production> {
  const databaseUrl = await testDatabase();
  const port = await freePort();
  await createInstallation({ folder, databaseUrl, port, tasks });
  const file = join(folder, ".env");
  const text = readFileSync(file, "utf8");
  writeFileSync(
    file,
    text
      .replace("localhost:6379", "localhost:6380")
      .replace("localhost:6333", "localhost:6334")
      .replace("//example.com/", "//prod.example.com/"),
  );
  const { code, stderr } = await octollm(
    project,
    ["stack", "init", "prod", "--no-select", "--engine", "standalone"],
    env,
  );
  if (code !== 0) throw new Error(stderr);
  const service = { name: "orchestrator", command: "exec true", port, health: "/health", log: "logs/x.log" };
  const settings = { version: "1.0.0", target: "local", installation: folder, services: [service] };
  const config = Object.fromEntries(Object.entries(settings).map(([key, value]) => [`octollm:${key}`, value]));
  writeFileSync(join(project, "Pulumi.prod.yaml"), stringify({ config }));
  return { databaseUrl, folder, port };
}
