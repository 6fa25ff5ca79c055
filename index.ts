import { readSettings } from "./components/stack-settings";
import { Upgrade } from "./components/upgrade";

// The whole program: the settings of this stack, and an installation that is as they say. The phases and their order
// are in components/upgrade.ts.
const upgrade = new Upgrade("octollm", readSettings());

export const release = upgrade.plan.to;
export const plan = upgrade.plan.id;
export const wayBack = upgrade.plan.rollback;
export const backup = upgrade.backup;
export const downtimeSeconds = upgrade.downtimeSeconds;
