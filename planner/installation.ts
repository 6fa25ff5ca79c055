import { createHash } from "node:crypto";

import type { Catalogue } from "../releases/release";
import { followPlan } from "./environment";
import type { Plan } from "./plan";
import type { World } from "./world";

/** What an installation is like, as a stack's state tells it: what `refresh` compares. */
export interface Installation {
  readonly release: string;
  readonly revision: string;
  /** `orchestrator 1.0.0`, a line each. */
  readonly services: readonly string[];
  /** First digits of the SHA-256 of the settings file. */
  readonly environment: string;
}

/** Enough of the SHA-256 of `.env` to tell whether it was edited, and too little to guess a secret by. */
export function environmentDigest(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex").slice(0, 12);
}

/** As it will be once the plan is done. */
export function installationAfter(plan: Plan, world: World, catalogue: Catalogue): Installation {
  const { environment, services, restore } = world;
  const { file } = followPlan(environment, plan.environment, catalogue);
  const restored = restore.backups.find(({ id }) => id === plan.restore.backup);
  return {
    release: plan.to,
    revision: plan.checks.revision,
    services: services.map(({ name }) => `${name} ${plan.to}`),
    environment: restored?.environmentDigest ?? environmentDigest(file.toBuffer()),
  };
}

/** As it is. */
export function installationNow({ release, revisions, services, environment }: World): Installation {
  return {
    release: release ?? "unknown",
    revision: revisions.join(", ") || "none",
    services: services.map(
      ({ name, running, release: says }) => `${name} ${running ? (says ?? "unknown") : "stopped"}`,
    ),
    environment: environmentDigest(environment.toBuffer()),
  };
}
