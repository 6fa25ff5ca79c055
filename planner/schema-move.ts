import type { Catalogue, Migration } from "../releases/release";
import { findRelease, headIndex, stepDown, stepUp } from "./chain";
import { inTheirWays } from "./half-done";
import { hash, lossId } from "./hash";
import type { LossPlan, RevisionStep } from "./plan";
import { describeLosses } from "./revisions";
import { withStatementFacts } from "./statement-facts";
import { stopReasons } from "./stops";
import type { ServerFacts, World } from "./world";

/** The schema taken to another revision, and nothing else: no release is deployed, no `.env` changed. */
export interface SchemaMove {
  /** First digits of the SHA-256 of what follows. */
  readonly id: string;
  readonly direction: "up" | "down" | "none";
  /** What alembic_version says before and after; null is the empty database. */
  readonly before: string | null;
  readonly after: string | null;
  readonly steps: readonly RevisionStep[];
  /** The last release whose revisions are applied; the one that belongs to the schema afterwards. */
  readonly to: string;
  /** `1.0.0 breaking`: the releases whose revisions are applied. */
  readonly path: readonly string[];
  /** What they break for clients, a line each. */
  readonly breaks: readonly string[];
  /** Why nobody may be at work meanwhile; empty when all may go on. */
  readonly stops: readonly string[];
  readonly loss: LossPlan;
}

/** Revisions without a way down stand between the database and where it is to be. */
export interface NoWay {
  readonly dead: readonly Migration[];
}

/** Where a move begins and ends, and on what. */
export interface Places extends Partial<Pick<World, "tables" | "halfDone">> {
  /** Places of the chain. */
  readonly here: number;
  readonly place: number;
  readonly serves: string | null;
  /** What its tables are like, for the facts and hazards of the statements. */
  readonly server: ServerFacts;
}

/**
 * The way from one place of the chain to another; -1 is the empty database.
 *
 * @param serves - version of the release that serves; null when it is not known
 * @param tables - what stands about the tables of batched sections, for the way that each revision takes
 */
export function moveSchema(
  catalogue: Catalogue,
  { here, place, serves, server, tables = [], halfDone = null }: Places,
): SchemaMove | NoWay {
  const { chain } = catalogue;
  const undone = chain.slice(place + 1, here + 1).toReversed();
  const dead = undone.filter(({ down }) => down === null);
  if (dead.length > 0) return { dead };
  const applied = chain.slice(here + 1, place + 1);
  const world = { tables, halfDone, keptReleases: [] };
  const bare = inTheirWays([...undone.map(stepDown), ...applied.map(stepUp)], world, catalogue);
  const stops = stopReasons(bare, serves === null ? undefined : findRelease(catalogue, serves), catalogue);
  const steps = withStatementFacts(bare, { server, catalogue, stopped: stops.length > 0 });
  const direction: SchemaMove["direction"] = steps[0]?.direction ?? "none";
  const passed = new Set(applied.map(({ release }) => release));
  const releases = catalogue.releases.filter(({ version }) => passed.has(version));
  const to = chain[place]?.release ?? "";
  const loses = describeLosses(undone.toReversed());
  const content = {
    direction,
    before: chain[here]?.revision ?? null,
    after: chain[place]?.revision ?? null,
    steps,
    to,
    path: releases.map(({ version, type }) => `${version} ${type}`),
    breaks: releases.flatMap(({ version, api }) =>
      api.filter(({ breaking }) => breaking).map(({ text }) => `${version}: ${text}`),
    ),
    stops,
    loss:
      loses.length === 0
        ? { id: null, kinds: [] }
        : { id: lossId("down", targetOf(catalogue, place), loses), kinds: loses },
  };
  return { id: hash(content, 12), ...content };
}

/** The release whose last revision it is, so that a loss has the name that a preview shows; else the revision. */
function targetOf(catalogue: Catalogue, place: number): string {
  const whole = catalogue.releases.find(({ version }) => headIndex(catalogue, version) === place);
  return whole?.version ?? catalogue.chain[place]?.revision ?? "base";
}
