import type { Catalogue, Migration, Release } from "../releases/release";
import { isLossless, toleratesRevisions } from "./chain";
import { undoesHalfDone } from "./half-done";
import type { Direction, RevisionStep, RollbackPlan } from "./plan";
import { describeLosses } from "./revisions";

interface Situation {
  readonly direction: Direction;
  readonly from: Release;
  readonly to: Release;
  readonly steps: readonly RevisionStep[];
  readonly catalogue: Catalogue;
  /** What the variables stand in. */
  readonly environmentFile: string;
  /** Releases whose files only the ledger has. */
  readonly missing?: readonly string[];
}

/** How this plan is undone once it is done: shown before it starts. */
export function planWayBack({
  direction,
  from,
  to,
  steps,
  catalogue,
  environmentFile,
  missing = [],
}: Situation): RollbackPlan {
  const command = `octollm config set version ${from.version} && octollm up`;
  if (direction === "install")
    return {
      class: "nothing-to-undo",
      steps: ["there was nothing before; 'octollm destroy' forgets the stack and leaves what was installed"],
      loses: [],
    };
  // The same release again: its schema, settings and services are put right.
  if (direction === "adopt" || from.version === to.version)
    return { class: "nothing-to-undo", steps: ["the release stays the same"], loses: [] };
  if (direction === "down")
    return {
      class: "upgrade-again",
      steps: [
        ...missing.map((version) => `needs a catalogue that has OctoLLM ${version} again`),
        command,
        ...steps.map(({ revision }) => `applies ${revision} again`),
      ],
      loses: [],
    };
  const revisions = new Set(steps.flatMap((step) => (undoesHalfDone(step) ? [] : [step.revision])));
  const applied = catalogue.chain.filter(({ revision }) => revisions.has(revision));
  return wayBackFrom(applied, { command, from, to, environmentFile });
}

function wayBackFrom(
  applied: readonly Migration[],
  names: { command: string; from: Release; to: Release; environmentFile: string },
): RollbackPlan {
  const { command, from, to, environmentFile } = names;
  const services = `starts OctoLLM ${from.version} again, with the old lines of ${environmentFile}`;
  const downs = applied.toReversed().map(({ revision, downClass }) => {
    return `undoes ${revision}${downClass === "kept" ? ", keeping what its down cannot express" : ""}`;
  });
  if (applied.length > 0 && applied.every(isLossless))
    return { class: "schema-down", steps: [command, ...downs, services], loses: [] };
  if (toleratesRevisions(from, applied))
    return { class: "image-only", steps: [command, services, "leaves the schema as it is"], loses: [] };
  const loses = describeLosses(applied);
  if (applied.every((migration) => migration.down !== null))
    return { class: "lossy-schema-down", steps: [command, "needs acceptLoss", ...downs, services], loses };
  return {
    class: "restore",
    steps: [
      command,
      "needs acceptLoss",
      "restores the backup that this attempt makes before it changes anything",
      services,
    ],
    loses: [...loses, `everything written since the backup, once OctoLLM ${to.version} serves`],
  };
}
