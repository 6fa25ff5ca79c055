import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { replaceFile } from "../environment/write";
import { findRelease, headIndex } from "../planner/chain";
import { loadCatalogue } from "../releases/catalogue";
import type { Catalogue } from "../releases/release";

export interface NewRevision {
  /** Folder of releases. */
  readonly catalogue: string;
  /** The release that is to bring it. */
  readonly release: string;
  readonly message: string;
  readonly today: Date;
}

export interface MadeRevision {
  readonly revision: string;
  readonly file: string;
  /** What release.yaml said before. */
  readonly before: string;
}

/**
 * Writes an empty migration at the end of the chain, and names it in its release's release.yaml. The catalogue loads again
 * once its author has written the SQL.
 *
 * @throws Error when the release is out already, or is not the last one; nothing was written then
 */
export async function writeRevision(wish: NewRevision): Promise<MadeRevision> {
  const { catalogue: folder, release, message } = wish;
  const catalogue = await loadCatalogue(folder);
  const slug = slugOf(message);
  judge(catalogue, wish);
  const revision = randomBytes(6).toString("hex");
  const last = catalogue.chain[headIndex(catalogue, release)]?.revision ?? "none";
  const migrations = join(folder, release, "migrations");
  const header = join(folder, release, "release.yaml");
  const before = findRelease(catalogue, release)?.revision ?? "";
  const yaml = await readFile(header, "utf8");
  await mkdir(migrations, { recursive: true });
  const file = join(migrations, `${revision}_${slug}.sql`);
  await writeFile(file, template({ revision, last, title: message.trim() }), { flag: "wx" });
  await replaceFile(
    header,
    yaml.replace(/^(revision:[ \t]*)\S+/m, (_, key: string) => key + revision),
  );
  return { revision, file, before };
}

function judge(catalogue: Catalogue, { release, today, message }: NewRevision): void {
  const fail = (text: string) => new Error(`${text} Nothing was written.`);
  if (/[\r\n]/.test(message)) throw fail("The message has to be one line.");
  const found = findRelease(catalogue, release);
  if (!found)
    throw fail(
      `The catalogue has no release '${release}'. Make its folder with a release.yaml first (docs/releases.md); it has: ` +
        `${catalogue.releases.map(({ version }) => version).join(", ")}.`,
    );
  const last = catalogue.releases.at(-1);
  if (last && last !== found)
    throw fail(
      `${release} is followed by ${last.version}: a revision of it now would come between those that installations have ` +
        `applied. New ones belong to ${last.version}, or to a release after it.`,
    );
  if (found.date <= isoDay(today))
    throw fail(
      `${release} is out since ${found.date}: installations that have it would never get a revision that is added now. ` +
        `Make a folder for the next release; for one that is still being made, correct 'date' in ${release}/release.yaml.`,
    );
}

/** As Alembic makes it: words, at most forty characters. @throws Error when nothing is left */
function slugOf(message: string): string {
  const words = message
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "");
  let slug = "";
  for (const word of words) {
    const longer = slug === "" ? word.slice(0, 40) : `${slug}_${word}`;
    if (longer.length > 40) break;
    slug = longer;
  }
  if (slug === "")
    throw new Error("The message needs a word of letters or digits: it names the file. Nothing was written.");
  return slug;
}

function isoDay(date: Date): string {
  return date.toISOString().slice(0, 10);
}

interface Template {
  readonly revision: string;
  readonly last: string;
  readonly title: string;
}

/** The safest headers there are: their author opens what may be opened. */
function template({ revision, last, title }: Template): string {
  return `-- revision: ${revision}
-- down_revision: ${last}
-- title: ${title}
-- transaction: transactional
-- phase: pre
-- previous_code: breaks
-- writers: stopped
-- down: exact

-- up

-- down
`;
}
