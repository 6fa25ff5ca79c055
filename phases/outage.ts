import type { Attempt } from "./attempt";

/** A service is missed from now on, unless one is already. */
export function beginOutage({ progress }: Pick<Attempt, "progress">): void {
  progress.stoppedAt ??= Date.now();
  const { outages } = progress.story;
  if (outages.at(-1)?.to !== null) outages.push({ from: Date.now(), to: null });
}

/** All services serve from now on. */
export function endOutage({ progress }: Pick<Attempt, "progress">): void {
  progress.servingAt = Date.now();
  const { outages } = progress.story;
  const last = outages.pop();
  if (last) outages.push({ ...last, to: last.to ?? Date.now() });
}
