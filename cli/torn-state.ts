import { existsSync, readFileSync, rmSync } from "node:fs";
import { basename } from "node:path";

import { lockStack } from "../engine/backend/lock";
import type { Backend } from "../engine/main";
import { note } from "./output";

/**
 * The Pulumi CLI keeps attributes beside a state file (`<stack>.json.attrs`) and writes them in place: killed at that
 * moment it leaves an empty file, and from then on refuses to read the state, which is whole. Removes such a file and
 * says so; without it the CLI goes on.
 *
 * @throws OperatorError when somebody works on the stack
 */
export function removeTornAttributes(backend: Backend, stack: string): void {
  const file = `${backend.location.checkpoint(stack)}.attrs`;
  if (!isTorn(file)) return;
  const unlock = lockStack(backend.location, stack, note);
  try {
    // Whoever wrote it may have been at work a moment ago.
    if (!isTorn(file)) return;
    rmSync(file, { force: true });
    note(`Removed ${basename(file)}, which a run that was killed had left half-written. The state itself is whole.`);
  } finally {
    unlock();
  }
}

function isTorn(file: string): boolean {
  if (!existsSync(file)) return false;
  try {
    JSON.parse(readFileSync(file, "utf8"));
    return false;
  } catch {
    return true;
  }
}
