import { Command } from "commander";

import { lockStack } from "../engine/backend/lock";
import { abort, planAbort } from "../phases/abort";
import { Announcer } from "../phases/telling";
import { summarise } from "../planner/summary";
import { note, print } from "./output";
import { agreed, interrupted } from "./prompt";
import { acceptancesOf, openStack } from "./stack";

/** `octollm abort`: brings the old release back after an attempt that did not reach its end. */
export function abortCommand(): Command {
  return new Command("abort")
    .description("bring the old release back after an attempt that failed, was stopped or killed")
    .option("-s, --stack <name>", "the stack; else the selected one")
    .option("-y, --yes", "do not ask")
    .action(({ stack, yes }: { stack?: string; yes?: boolean }) => run(stack, yes ?? false));
}

async function run(name: string | undefined, yes: boolean): Promise<void> {
  const { backend, name: stack, settings, site } = await openStack(name);
  const telling = { report: settings.report, announcer: new Announcer(settings.notify) };
  const request = { site, version: settings.version, databaseUrl: settings.databaseUrl, telling };
  // Whoever works on the stack is at work on this attempt.
  const unlock = lockStack(backend.location, stack, note);
  try {
    const plan = await planAbort(request);
    if (!plan) return print("There is no unfinished attempt. Nothing was touched.");
    for (const line of summarise(plan)) print(line);
    if (!yes && !(await agreed(`Bring OctoLLM ${plan.to} back?`))) throw new Error("Not agreed. Nothing was touched.");
    const activity = { signal: interrupted(), progress: print };
    print(await abort(request, stack, acceptancesOf(settings), activity));
    if (settings.version === plan.to) return;
    print(`The stack still asks for ${settings.version}. Next, to stay with ${plan.to}:`);
    print(`  npx octollm config set version ${plan.to} && npx octollm up`);
  } finally {
    unlock();
  }
}
