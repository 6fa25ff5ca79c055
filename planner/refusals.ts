import type { Catalogue } from "../releases/release";
import { compareVersions } from "../releases/version";
import { findRelease, headIndex, releasesBetween, revisionIndex } from "./chain";
import type { Goal, World } from "./world";

/** A reason why nothing can be planned, with the setting or the fact to look at. */
export interface Refusal {
  readonly path: string;
  readonly text: string;
}

/** Every reason, found at once, why this goal cannot be planned from this world. */
export function refusals(world: World, goal: Goal, catalogue: Catalogue): Refusal[] {
  return [
    ...judgeVersion(goal, catalogue),
    ...judgeRevision(world, catalogue),
    ...judgeRelease(world, goal, catalogue),
    ...judgeStops(world, goal, catalogue),
    ...judgeChecksums(world, catalogue),
  ];
}

function versions(catalogue: Catalogue): string {
  return catalogue.releases.map((release) => release.version).join(", ");
}

/** Whether the catalogue has the wanted release. */
export function judgeVersion(goal: Goal, catalogue: Catalogue): Refusal[] {
  if (findRelease(catalogue, goal.version)) return [];
  return [
    {
      path: "octollm:version",
      text: `there is no release '${goal.version}'; the catalogue has ${versions(catalogue)}`,
    },
  ];
}

/** Whether the database is at one revision of the chain. */
export function judgeRevision(
  world: Pick<World, "database" | "revisions" | "looksLike">,
  catalogue: Catalogue,
): Refusal[] {
  const { revisions } = world;
  const path = "alembic_version";
  if (revisions.length > 1)
    return [
      {
        path,
        text:
          `database '${world.database}' has ${revisions.length} heads (${revisions.join(", ")}): this chain has one. ` +
          `Merge them with Alembic first, or stamp the right one: alembic stamp --purge <revision>`,
      },
    ];
  const [revision] = revisions;
  if (revision === undefined)
    return [
      {
        path,
        text:
          `database '${world.database}' has no revision in alembic_version, so there is no OctoLLM to adopt. ` +
          describeLikeness(world, catalogue),
      },
    ];
  if (revisionIndex(catalogue, revision) !== undefined) return [];
  return [
    {
      path,
      text:
        `database '${world.database}' is at revision '${revision}', which is in no release of the catalogue ` +
        `(${versions(catalogue)}): it is newer than this program, or not an OctoLLM. Use a newer version of the program.`,
    },
  ];
}

function describeLikeness({ looksLike }: Pick<World, "looksLike">, catalogue: Catalogue): string {
  const revision = looksLike === null ? undefined : catalogue.chain[headIndex(catalogue, looksLike)]?.revision;
  if (revision === undefined)
    return "Its schema is that of no release in the catalogue. Does DATABASE_URL lead to the right database?";
  return (
    `Its schema is that of OctoLLM ${looksLike}. If that is what it is, have it stamped:\n` +
    `  npx octollm adopt --revision ${revision}`
  );
}

function judgeRelease(world: World, goal: Goal, catalogue: Catalogue): Refusal[] {
  const revision = world.revisions[0];
  if (world.release === null && revision === undefined) return [];
  if (world.release === null)
    return [
      {
        path: "services",
        text:
          `no running service says its release, and revision '${revision}' does not belong to one release only. ` +
          `Start the installed release, then run this again`,
      },
    ];
  if (!findRelease(catalogue, world.release))
    return [
      {
        path: "services",
        text: `the installed release '${world.release}' is not in the catalogue (${versions(catalogue)})`,
      },
    ];
  if (!goal.emptyStack) return [];
  return judgeAdoption(world, goal, catalogue, world.release);
}

/** An empty stack takes over what runs, as it is: a new stack must not be the one that stops and migrates. */
function judgeAdoption(world: World, goal: Goal, catalogue: Catalogue, running: string): Refusal[] {
  if (goal.version !== running)
    return [
      {
        path: "octollm:version",
        text:
          `OctoLLM ${running} runs, and this stack has not adopted it yet. First:\n` +
          `  octollm config set version ${running} && octollm up\nthen:\n` +
          `  octollm config set version ${goal.version} && octollm up`,
      },
    ];
  const down = world.services.filter((service) => !service.current && service.obstructed === null);
  if (down.length > 0)
    return down.map(({ name, running: runs, release }) => ({
      path: `octollm:services.${name}`,
      text:
        `${runs ? described(release, running) : "does not run"}, and only what runs can be adopted: start it first, or ` +
        `correct its port and health path`,
    }));
  const head = catalogue.chain[headIndex(catalogue, running)]?.revision;
  const [revision] = world.revisions;
  if (revision !== undefined && revisionIndex(catalogue, revision) !== undefined && revision !== head)
    return [
      {
        path: "alembic_version",
        text:
          `OctoLLM ${running} belongs to revision '${head}', but the database is at '${revision}'. Bring the two together ` +
          `with Alembic first: an adoption changes nothing`,
      },
    ];
  return [];
}

function judgeStops(world: World, goal: Goal, catalogue: Catalogue): Refusal[] {
  if (world.release === null || compareVersions(goal.version, world.release) <= 0) return [];
  const stop = releasesBetween(catalogue, world.release, goal.version)
    .slice(0, -1)
    .find((release) => release.requiredStop);
  if (!stop) return [];
  return [
    {
      path: "octollm:version",
      text:
        `the way from ${world.release} to ${goal.version} must stop at ${stop.version}: set version ${stop.version}, run ` +
        `up, let it work, then set ${goal.version}`,
    },
  ];
}

/** What stands in the ledger beyond the database's revision was undone by somebody else: its file does not matter. */
export function judgeChecksums(
  world: Pick<World, "applied" | "revisions" | "halfDone">,
  catalogue: Catalogue,
): Refusal[] {
  const here = revisionIndex(catalogue, world.revisions[0] ?? null);
  const { halfDone } = world;
  const begun = halfDone ? [halfDone] : [];
  return [...world.applied, ...begun].flatMap(({ revision, checksum }) => {
    const place = catalogue.chain.findIndex((migration) => migration.revision === revision);
    const known = catalogue.chain[place];
    const isBegun = revision === halfDone?.revision;
    if (!known && isBegun)
      return [
        {
          path: "database",
          text:
            `the batches of revision '${revision}' stopped half-way, and no release of the catalogue has that revision: use ` +
            "the version of the program that began them",
        },
      ];
    if (!known || known.checksum === checksum) return [];
    if (!isBegun && here !== undefined && place > here) return [];
    return [
      {
        path: known.file,
        text:
          `revision '${revision}' was applied from a file with SHA-256 ${checksum.slice(0, 12)}, and the file now has ` +
          `${known.checksum.slice(0, 12)}. An applied migration must not be edited: bring the old file back`,
      },
    ];
  });
}

function described(release: string | null, running: string): string {
  return release === running ? "runs and is not healthy" : `answers as '${release ?? "unknown"}', not ${running}`;
}
