import { phaseHandler } from "./phase";
import * as phases from "./phases";
import { preflightHandler } from "./preflight";
import type { ResourceHandler } from "./resource";
import { foundationHandler, storeReadinessHandler } from "./stores";

/** Every resource type of this provider. */
export function resourceHandlers(): Readonly<Record<string, ResourceHandler>> {
  return {
    "upgrade:index:Foundation": foundationHandler(),
    "upgrade:index:StoreReadiness": storeReadinessHandler(),
    "upgrade:index:Preflight": preflightHandler(),
    "upgrade:index:Quiesce": phaseHandler(phases.quiesceWork),
    "upgrade:index:Backup": phaseHandler(phases.backupWork),
    "upgrade:index:Restore": phaseHandler(phases.restoreWork),
    "upgrade:index:SchemaMigration": phaseHandler(phases.migrationWork),
    "upgrade:index:Environment": phaseHandler(phases.environmentWork),
    "upgrade:index:Retire": phaseHandler(phases.retireWork),
    "upgrade:index:Manifests": phaseHandler(phases.manifestsWork),
    "upgrade:index:Readiness": phaseHandler(phases.readinessWork),
    "upgrade:index:Resume": phaseHandler(phases.resumeWork),
    "upgrade:index:Verification": phaseHandler(phases.verificationWork),
    "upgrade:index:Completion": phaseHandler(phases.completionWork),
  };
}
